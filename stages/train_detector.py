"""Train a detector once for each training seed, and freeze the thresholds: `train_detector.py DETECTOR`."""

import csv
from pathlib import Path

import _stage

from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.core.kinds import read_kind
from unseen.core.parallel import Parallel, start_processes
from unseen.core.settings import read_block
from unseen.data.predictions import write_predictions
from unseen.detectors.shared.artifact import save_trainings
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings
from unseen.detectors.shared.train import fit_trainings, training_sets
from unseen.faces.detect import with_dynamic_input
from unseen.faces.settings import FaceSettings

CURVE = ["seed", "step", "learning_rate", "train_loss", "val_loss"]


def main(name: str) -> None:
    start_processes()
    settings: FittedSettings = read_kind(_stage.PARAMS, ["detectors", name], "detectors/kinds")
    calibration = read_block(_stage.PARAMS, ["calibration"], CalibrationSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    trainings = fit_trainings(
        sets=training_sets(Path("data/sets"), settings, faces),
        settings=settings,
        calibration=calibration,
        weights=Path("models", settings.weights),
        seeds=_stage.training_seeds(),
        scratch=_stage.SCRATCH,
        title=f"detector-{name}",
    )
    if Parallel().rank:
        return

    fitted = trainings.trained
    with (
        atomic_file(Path("metrics/training", f"{name}.csv")) as part,
        part.open("w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.DictWriter(handle, CURVE, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"seed": seed, **row} for seed, one in fitted.items() for row in one.history)
    write_predictions(Path("data/validation", f"{name}.parquet"), [one.validation for one in fitted.values()])
    found = {str(seed): one.calibration.validation for seed, one in fitted.items()}
    chosen = {str(seed): one.model.chosen for seed, one in fitted.items() if one.model.chosen}
    choices = {"chosen": chosen} if chosen else {}
    write_metrics(Path("metrics/training", f"{name}.json"), {"seeds": found, **choices})
    save_trainings(
        folder=Path("models/detectors", name),
        kind=settings.kind,
        networks={seed: (one.model, one.calibration) for seed, one in fitted.items()},
        face_detector=with_dynamic_input(Path("models/assets/centerface/centerface.onnx").read_bytes()),
        card={
            "name": name,
            "faces": faces.model_dump(),
            "seed": read_block(_stage.PARAMS, ["seed"], int),
            "settings": settings.model_dump(),
            "trained_on": next(iter(fitted.values())).trained_on,
            **({} if settings.fits_weights else {"calibrated_only": True}),
        },
    )
    trainings.clear()


if __name__ == "__main__":
    _stage.run(main)
