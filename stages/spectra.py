"""Mean spectra of the real faces and of each generator's fakes."""

from pathlib import Path

import _stage

from unseen.audit.spectra import chart, mean_spectra, profiles
from unseen.core.files import atomic_file
from unseen.core.settings import read_block
from unseen.data.named import sets_in
from unseen.explanations.settings import ExplanationSettings


def main() -> None:
    settings = read_block(_stage.PARAMS, ["explanations"], ExplanationSettings)
    folder = Path("data/sets/evaluation")
    spectra = mean_spectra([folder / name for name in sets_in(folder)], settings.spectra)
    with atomic_file(Path("metrics/spectra.csv")) as part:
        profiles(spectra).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    with atomic_file(Path("metrics/spectra.png")) as part:
        chart(spectra).savefig(part, format="png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    _stage.run(main)
