"""The matrix of generators left out and measured, of one detector: `leave_one_out_matrix.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.files import atomic_file
from unseen.core.json_files import read_json, write_metrics
from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet, in_pairs
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.leave_one_out import as_table, leave_one_out, read_left_out, with_cues
from unseen.evaluation.settings import EvaluationSettings, LeaveOneOutSettings


def main(detector: str) -> None:
    settings = read_block(_stage.PARAMS, ["evaluation"], EvaluationSettings)
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    generators = read_block(_stage.PARAMS, ["leave_one_out"], LeaveOneOutSettings).generators
    names = in_pairs(settings.pairs, sets)
    folder = Path("data/leave_one_out", detector)
    found = leave_one_out(
        rows={name: read_left_out(folder, name, names) for name in generators},
        stated=settings.pairs,
        how=Resampling(settings.resamples, read_block(_stage.PARAMS, ["seed"], int)),
    )
    found = with_cues(found, read_json(Path("metrics/audit.json")), sets)
    metrics = Path("metrics/leave_one_out")
    write_metrics(metrics / f"{detector}.json", found)
    with atomic_file(metrics / f"{detector}.csv") as part:
        as_table(detector, found).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")


if __name__ == "__main__":
    _stage.run(main)
