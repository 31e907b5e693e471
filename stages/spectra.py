"""Mean spectra of real faces and of each generator's."""

from pathlib import Path

import _stage

from unseen.evaluation.explanation_settings import ExplanationSettings
from unseen.evaluation.settings import EvaluationSet
from unseen.evaluation.spectra import chart, mean_spectra, profiles
from unseen.files import whole_file
from unseen.settings import Name, read_block


def main() -> None:
    settings = read_block(_stage.PARAMS, ["explanations"], ExplanationSettings)
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    spectra = mean_spectra([Path("data/sets/evaluation", name) for name in sets], settings.spectra)
    with whole_file(Path("metrics/spectra.csv")) as part:
        profiles(spectra).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    with whole_file(Path("metrics/spectra.png")) as part:
        chart(spectra).savefig(part, format="png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    _stage.run(main)
