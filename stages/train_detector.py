"""Train a detector and freeze its threshold: `train_detector.py DETECTOR`."""

import csv
from pathlib import Path

import _stage

from unseen.core.files import atomic_file, sha256_of, write_metrics
from unseen.core.kinds import read_kind
from unseen.core.parallel import Parallel, start_processes
from unseen.core.runtime import Scratch
from unseen.core.settings import read_block
from unseen.data.predictions import write_predictions
from unseen.data.shards import check_sides, sets_for_fitting
from unseen.detectors.shared.artifact import save_detector
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings
from unseen.detectors.shared.train import fit_detector
from unseen.faces.detect import with_dynamic_input
from unseen.faces.settings import FaceSettings

CURVE = ["step", "learning_rate", "train_loss", "val_loss"]


def main(name: str) -> None:
    start_processes()
    settings: FittedSettings = read_kind(_stage.PARAMS, ["detectors", name], "detectors/kinds")
    calibration = read_block(_stage.PARAMS, ["calibration"], CalibrationSettings)
    seed = read_block(_stage.PARAMS, ["seed"], int)
    sets = sets_for_fitting(Path("data/sets", settings.train_on.reals))
    sets += sets_for_fitting(Path("data/sets", settings.train_on.fakes))
    check_sides(sets, read_block(_stage.PARAMS, ["faces"], FaceSettings).side)
    weights = Path("models", settings.weights)
    data = [
        [face_set.fingerprint() for face_set in sets],
        [sha256_of(file) for file in sorted(weights.iterdir())],
    ]
    scratch = Scratch(_stage.SCRATCH, f"detector-{name}", [settings.model_dump(), seed, data])
    fitted = fit_detector(
        sets=sets, settings=settings, calibration=calibration, weights=weights, seed=seed, scratch=scratch
    )
    if Parallel().rank:
        return

    with (
        atomic_file(Path("metrics/training", f"{name}.csv")) as part,
        part.open("w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.DictWriter(handle, CURVE, lineterminator="\n")
        writer.writeheader()
        writer.writerows(fitted.history)
    write_predictions(Path("data/validation", f"{name}.parquet"), [fitted.validation])
    write_metrics(Path("metrics/training", f"{name}.json"), fitted.calibration.validation)
    save_detector(
        folder=Path("models/detectors", name),
        model=fitted.model,
        kind=settings.kind,
        calibration=fitted.calibration,
        face_detector=with_dynamic_input(Path("models/assets/centerface/centerface.onnx").read_bytes()),
        card={
            "name": name,
            "faces": read_block(_stage.PARAMS, ["faces"], FaceSettings).model_dump(),
            "seed": seed,
            "settings": settings.model_dump(),
            "trained_on": fitted.trained_on,
        },
    )
    scratch.clear()


if __name__ == "__main__":
    _stage.run(main)
