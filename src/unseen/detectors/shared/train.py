"""Fit one detector on faces that may be fitted on, and freeze its numbers."""

import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unseen.core.errors import UserError
from unseen.core.runtime import Scratch, device, generator
from unseen.data.identities import people_of
from unseen.data.pictures import Faces, load_crops
from unseen.data.predictions import FROM_SHARDS, VALIDATION
from unseen.data.shards import FaceSet
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.calibration import Calibration, calibrate
from unseen.detectors.shared.logits import logits_of_faces
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings


@dataclass(frozen=True)
class Fitted:
    """A fitted detector, its frozen numbers, its curves and what it saw.

    Attributes:
        model: the network.
        calibration: temperature, threshold and unsure band, frozen on validation faces.
        history: the rows of the training curve.
        trained_on: of training and validation, how many faces and people, and which generators.
        validation: predictions on the validation faces, for `write_predictions`.
    """

    model: Detector
    calibration: Calibration
    history: History
    trained_on: dict[str, Any]
    validation: dict[str, list[object]]


def _seen(train: Faces, val: Faces) -> dict[str, Any]:
    """Of training and validation, faces by source, and the people on real faces (see `people_of`)."""

    def reals(faces: Faces) -> Iterator[tuple[str, str]]:
        columns = faces.columns["id"], faces.columns["identity"], faces.labels
        return ((str(name), str(person)) for name, person, label in zip(*columns, strict=True) if not label)

    return {
        split: {
            "faces": dict(sorted(Counter(str(source) for source in faces.columns["source"]).items())),
            **people_of(reals(faces)),
            "generators": sorted({str(name) for name in faces.columns["generator"] if name}),
        }
        for split, faces in (("train", train), ("val", val))
    }


def fit_detector(
    sets: list[FaceSet],
    settings: FittedSettings,
    calibration: CalibrationSettings,
    weights: Path,
    seed: int,
    scratch: Scratch,
) -> Fitted:
    """Fit, then freeze temperature and threshold on the validation people.

    Args:
        sets: from `sets_for_fitting`, so that none is held out.
        settings: the detector's knobs.
        calibration: which operating point to freeze.
        weights: folder that training starts from.
        seed: of the run; with `settings.seed` it decides first weights, the order of faces and the augmentation.
        scratch: keeps the checkpoint.

    Raises:
        UserError: a class is empty in a split.
    """
    train, val = (load_crops(sets, [split], FROM_SHARDS) for split in ("train", "val"))  # type: ignore[list-item]
    for faces in (train, val):
        faces.columns["twin_of"] = [dict(found).get("twin_of", "") for found in faces.columns["attributes"]]  # type: ignore[call-overload]
    for split, faces in (("train", train), ("val", val)):
        if len(set(faces.columns["label"])) < 2:
            raise UserError(
                f"the {split} split has {faces.columns['label'].count(0)} real and {faces.columns['label'].count(1)} "
                "fake faces: both are needed; look at what was dropped in metrics/faces and metrics/fakes"
            )
    seed += settings.seed
    kind = importlib.import_module(f"unseen.detectors.kinds.{settings.kind}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "weights").initial_seed()))
        model: Detector = kind.create(settings, weights, train.take([0]).shape[1])
    history: History = kind.fit(model, Task(settings, train, val, seed, scratch))
    logits = logits_of_faces(model.to(device()), val, device())
    frozen = calibrate(logits, val.labels, calibration)
    validation = {
        **{name: val.columns[name] for name in FROM_SHARDS},
        "set": [VALIDATION] * len(val),
        "logit": logits.tolist(),
        "score": frozen.score(logits).tolist(),
    }
    return Fitted(model, frozen, history, _seen(train, val), validation)
