"""Measure how often a detector's gate abstains, and FPR and TPR with and without it: `measure_gate.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.errors import UserError
from unseen.core.files import atomic_file, read_json
from unseen.core.settings import validated
from unseen.data.named import sets_in
from unseen.data.shards import open_set
from unseen.faces.settings import FaceSettings
from unseen.gate.limits import FILE, read_limits
from unseen.gate.measure import measure_gate


def main(name: str) -> None:
    folder, evaluation = Path("models/detectors", name), Path("data/sets/evaluation")
    card, limits = read_json(folder / "detector.json"), read_limits(folder)
    if limits is None:
        raise UserError(f"{folder / FILE}: not found; `dvc repro` makes it")
    found = measure_gate(
        predictions=Path("data/robustness", f"{name}.parquet"),
        sets={key: open_set(evaluation / key) for key in sets_in(evaluation)},
        limits=limits,
        scale=validated(FaceSettings, card["faces"], f"{folder}/detector.json: faces").scale,
        threshold=float(card["calibration"]["threshold"]),
    )
    with atomic_file(Path("metrics/gate", f"{name}.csv")) as part:
        found.to_csv(part, index=False, float_format="%.6f", lineterminator="\n")


if __name__ == "__main__":
    _stage.run(main)
