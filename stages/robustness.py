"""Measure every detector on changed pictures: `robustness.py`."""

from pathlib import Path
from typing import Any

import _stage

from unseen.detectors.artifact import load_detector
from unseen.evaluation.robustness import as_table, as_tree, measure, score_changes
from unseen.evaluation.robustness_settings import RobustnessSettings
from unseen.evaluation.settings import EvaluationSet, Pair, pairs_of
from unseen.files import whole_file, write_metrics
from unseen.settings import Name, read_block
from unseen.shards import open_set


def main() -> None:
    settings = read_block(_stage.PARAMS, ["robustness"], RobustnessSettings)
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    folders = {name: Path("data/evaluation", name) for name in sets}
    labels = {name: "fake" if open_set(folder).label else "real" for name, folder in folders.items()}
    every = pairs_of(read_block(_stage.PARAMS, ["evaluation", "pairs"], dict[Name, Pair]), labels)
    pairs = {name: every[name] for name in settings.pairs or every}
    needed = {side for pair in pairs.values() for side in (pair.reals, pair.fakes)}
    names = [
        key for block in ("detectors", "ensembles") for key in read_block(_stage.PARAMS, [block], dict[Name, Any])
    ]
    detectors = [load_detector(Path("models/detectors", name)) for name in names]
    output = Path("data/robustness.parquet")
    score_changes(
        detectors,
        {name: folder for name, folder in folders.items() if name in needed},
        settings.changes,
        settings.faces,
        read_block(_stage.PARAMS, ["seed"], int),
        output,
    )
    rows = measure(output, {one.name: one.calibration.threshold for one in detectors}, pairs)
    write_metrics(Path("metrics/robustness.json"), as_tree(rows))
    with whole_file(Path("metrics/robustness.csv")) as part:
        as_table(rows).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")


if __name__ == "__main__":
    _stage.run(main)
