"""Fit one detector, and calibrate it on validation faces."""

import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.garbage_collection import no_garbage_collection
from unseen.core.runtime import device, generator
from unseen.core.scratch import Scratch
from unseen.core.settings import did_you_mean
from unseen.core.training_seeds import made_from, start_folder
from unseen.core.trainings import Trainings, one_by_one
from unseen.data.identities import people_of
from unseen.data.pictures import Crops, Faces, load_crops
from unseen.data.predictions import FROM_SHARDS, VALIDATION
from unseen.data.shards import FaceSet, check_sides, sets_for_fitting
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.logits import logits_of_faces
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings
from unseen.detectors.shared.views import view_of
from unseen.faces.settings import FaceSettings


@dataclass(frozen=True)
class Fitted:
    """A fitted detector with its calibration and training data.

    Attributes:
        model: the network.
        calibration: temperature, threshold and unsure band, fitted on validation faces.
        history: the rows of the training curve.
        trained_on: counts of faces and people, and the generators, for training and validation.
        validation: predictions on the validation faces, for `write_predictions`.
    """

    model: Detector
    calibration: Calibration
    history: History
    trained_on: dict[str, Any]
    validation: dict[str, list[object]]


def _trained_on(train: Faces, val: Faces) -> dict[str, Any]:
    """Faces by source, people on real faces (see `people_of`) and generators, for training and validation."""

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


@dataclass(frozen=True)
class TrainingFaces:
    """The faces that a detector is trained on, and the validation faces; `native` if each has its own side."""

    train: Crops
    val: Crops
    native: bool = False

    def of_seed(self, seed: int) -> "TrainingFaces":
        """The faces for one training seed: all reals, and the fakes that a network of this training seed drew.

        Pictures of a source state no training seed and are for all. So each training seed is a replicate of the whole
        pipeline, and the range over seeds shows what another training of the GAN changes.
        """
        return TrainingFaces(_of_seed(self.train, seed), _of_seed(self.val, seed), self.native)


def _of_seed(faces: Crops, seed: int) -> Crops:
    kept = [row for row, found in enumerate(faces.columns["attributes"]) if made_from(found, seed)]  # type: ignore[arg-type]
    if not any(faces.columns["label"][row] for row in kept):
        raise UserError(f"training seed {seed} has no fakes; run `dvc repro`, which draws fakes of all trainings")
    return faces.only(kept)


def training_sets(root: Path, settings: FittedSettings, faces: FaceSettings) -> list[FaceSet]:
    """The sets that a detector is trained on.

    Args:
        root: has the folders of `settings.train_on`.
        settings: the detector's settings.
        faces: settings of the crops.

    Raises:
        UserError: see `sets_for_fitting` and `check_sides`.
    """
    train_on = settings.train_on
    sets = [one for folder in (train_on.reals, train_on.fakes) for one in sets_for_fitting(root / folder)]
    check_sides(sets, faces)
    return sets


def _original(attributes: dict[str, str]) -> str:
    """The id of the real face that a fake shows, pixel by pixel: of a twin, or of an image-to-image fake. Else empty.

    A text-to-image fake shows another face in another place, so there is nothing to pair.
    """
    return attributes.get("twin_of") or ("strength" in attributes and attributes.get("made_of")) or ""


def load_training_faces(sets: list[FaceSet], without: str = "") -> TrainingFaces:
    """Load the train and val splits of sets from `sets_for_fitting`, so that none is held out.

    Args:
        sets: of reals and of fakes.
        without: the generator whose fakes are left out of both splits; empty for none.

    Raises:
        UserError: a class has no faces in a split; or no fake in `train` is of the generator to leave out.
    """
    train, val = (load_crops(sets, [split], FROM_SHARDS) for split in ("train", "val"))  # type: ignore[list-item]
    if without:
        made_by = sorted({str(name) for name in train.columns["generator"]} - {""})
        if without not in made_by:
            raise UserError(f"no training fakes are of the generator {without!r}; {did_you_mean(without, made_by)}")
        train, val = (
            faces.only([row for row, name in enumerate(faces.columns["generator"]) if name != without])
            for faces in (train, val)
        )
    for split, faces in (("train", train), ("val", val)):
        faces.columns["twin_of"] = [_original(dict(found)) for found in faces.columns["attributes"]]  # type: ignore[call-overload]
        if len(set(faces.columns["label"])) < 2:
            raise UserError(
                f"the {split} split has {faces.columns['label'].count(0)} real and {faces.columns['label'].count(1)} "
                "fake faces: both are needed; see metrics/faces and metrics/fakes for dropped pictures"
            )
    return TrainingFaces(train, val, any(face_set.native for face_set in sets))


def fit_detector(
    faces: TrainingFaces,
    settings: FittedSettings,
    calibration: CalibrationSettings,
    weights: Path,
    seed: int,
    scratch: Scratch,
) -> Fitted:
    """Fit a detector, then its temperature and threshold on the validation faces.

    Args:
        faces: from `load_training_faces`.
        settings: the detector's settings.
        calibration: the operating point.
        weights: folder of the initial weights.
        seed: training seed; with `settings.seed` it determines initial weights, batches and augmentation.
        scratch: folder of the checkpoint.

    Raises:
        UserError: the training fails, see `fit`; or the logits can't be calibrated, see `calibrate`.
    """
    train, val, training_seed = faces.train, faces.val, seed
    seed += settings.seed
    with no_garbage_collection():
        kind = importlib.import_module(f"unseen.detectors.kinds.{settings.kind}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "weights").initial_seed()))
        view = view_of(settings, faces.native)
        model: Detector = kind.create(settings, weights, view.side or train.take([0]).shape[1])
    model.view = view
    history: History = kind.fit(model, Task(settings, train, val, seed, scratch))
    logits = logits_of_faces(model.to(device()), val, device())
    frozen = calibrate(logits, val.labels, calibration)
    validation = {
        **{name: val.columns[name] for name in FROM_SHARDS},
        "set": [VALIDATION] * len(val),
        "seed": [training_seed] * len(val),
        "logit": logits.tolist(),
        "score": frozen.score(logits).tolist(),
    }
    trained_on = _trained_on(train, val)
    if not settings.fits_weights:
        trained_on["train"] = {"faces": {}, **people_of([]), "generators": []}
    return Fitted(model, frozen, history, trained_on, validation)


def fit_trainings(
    sets: list[FaceSet],
    settings: FittedSettings,
    calibration: CalibrationSettings,
    weights: Path,
    seeds: Sequence[int],
    scratch: Path,
    title: str,
    without: str = "",
) -> Trainings[Fitted]:
    """Fit a detector once for each training seed.

    Args:
        sets: of reals and of fakes, from `sets_for_fitting`.
        settings: the detector's settings.
        calibration: the operating point.
        weights: folder of the initial weights, or of the networks of a model; see `start_folder`.
        seeds: the training seeds.
        scratch: folder for the checkpoints.
        title: names the training in checkpoints and messages.
        without: the generator whose fakes are left out; empty for none.

    Raises:
        UserError: see `load_training_faces`, `fit_detector` and `one_by_one`.
    """
    faces = load_training_faces(sets, without)
    fingerprints = [face_set.fingerprint() for face_set in sets]

    def fitted(seed: int) -> tuple[Fitted, Scratch]:
        start = start_folder(weights, seed)
        data = [fingerprints, [sha256_of(file) for file in sorted(start.iterdir())], without]
        checkpoint = Scratch(scratch, title, [settings.model_dump(), seed, data])
        found = fit_detector(
            faces=faces.of_seed(seed),
            settings=settings,
            calibration=calibration,
            weights=start,
            seed=seed,
            scratch=checkpoint,
        )
        return found, checkpoint

    return one_by_one(seeds, fitted)
