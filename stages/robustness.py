"""Measure a detector's robustness to changes of the images, with and without its gate: `robustness.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.core.settings import read_block
from unseen.data.evaluation_sets import pairs_of
from unseen.data.named import sets_in
from unseen.data.shards import open_set
from unseen.detectors.shared.artifact import load_detector
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.controls import labels_of
from unseen.evaluation.settings import EvaluationSettings
from unseen.gate.limits import FILE, read_limits
from unseen.gate.measure import measure_gate
from unseen.robustness.robustness import as_table, as_tree, measure_robustness, score_changes
from unseen.robustness.settings import RobustnessSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["robustness"], RobustnessSettings)
    folders = {key: Path("data/sets/evaluation", key) for key in sets_in(Path("data/sets/evaluation"))}
    labels = labels_of({key: open_set(folder) for key, folder in folders.items()})
    evaluation = read_block(_stage.PARAMS, ["evaluation"], EvaluationSettings)
    every = pairs_of(evaluation.pairs, labels)
    pairs = {key: every[key] for key in settings.pairs or every}
    needed = {side for pair in pairs.values() for side in (pair.reals, pair.fakes)}
    seed = read_block(_stage.PARAMS, ["seed"], int)
    folder = Path("models/detectors", name)
    detector, limits = load_detector(folder), read_limits(folder)
    if limits is None:
        raise UserError(f"{folder / FILE}: not found; `dvc repro` makes it")
    output = Path("data/robustness", f"{name}.parquet")
    score_changes(
        detectors=[detector],
        folders={key: folder for key, folder in folders.items() if key in needed},
        levels=settings.changes,
        most=settings.faces,
        seed=seed,
        output=output,
    )
    rows = measure_robustness(
        output,
        {name: detector.calibration.threshold},
        pairs,
        Resampling(evaluation.resamples, seed),
    )
    metrics = Path("metrics/robustness")
    write_metrics(metrics / f"{name}.json", as_tree(rows)[name])
    with atomic_file(metrics / f"{name}.csv") as part:
        as_table(rows).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    gated = measure_gate(
        predictions=output,
        sets={key: open_set(folder) for key, folder in folders.items() if key in needed},
        limits=limits,
        scale=detector.faces.scale,
        threshold=detector.calibration.threshold,
    )
    with atomic_file(Path("metrics/gate", f"{name}.csv")) as part:
        gated.to_csv(part, index=False, float_format="%.6f", lineterminator="\n")


if __name__ == "__main__":
    _stage.run(main)
