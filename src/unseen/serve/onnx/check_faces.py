"""Find the faces on which an export is checked: stored crops, or pictures of the user."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unseen.core.errors import UserError
from unseen.core.training_seeds import made_from
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.shards import FaceSet, sets_below, sets_for_fitting
from unseen.data.splits import Split
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.serve.folders import Skipped, walk

MOST = 2000
"""Maximum number of faces per class. From a larger set, every k-th face is used."""


@dataclass(frozen=True)
class CheckFaces:
    """Crops for the check of an export.

    Attributes:
        crops: at least one crop, uint8 [s, s, 3].
        labels: 0 real and 1 fake, [n]; None if they are not known.
        source: description of the source, for messages.
        validation: whether all are validation faces of sets with `use: train`, so that a threshold may be fitted.
    """

    crops: list[Pixels]
    labels: npt.NDArray[np.int64] | None
    source: str
    validation: bool


def _read(sets: Sequence[FaceSet], splits: Sequence[Split], seed: int) -> tuple[list[Pixels], npt.NDArray[np.int64]]:
    """Read evenly spaced crops of the sets, with their labels. Fakes for other training seeds are skipped."""
    crops: list[Pixels] = []
    labels: list[int] = []
    for label in (0, 1):
        some = [one for one in sets if one.label == label]
        total = sum(sum(one.counts["splits"].get(split, 0) for split in splits) for one in some)
        step, number = -(-total // MOST) or 1, 0
        for one in some:
            for batch in one.batches(splits, ["image", "attributes"], 256):
                for jpeg, found in zip(
                    batch["image"].field("bytes").to_pylist(), batch["attributes"].to_pylist(), strict=True
                ):
                    if not made_from(found, seed):
                        continue
                    if number % step == 0:
                        crops.append(decode_crop(jpeg))
                        labels.append(label)
                    number += 1
    return crops, np.asarray(labels, np.int64)


def _own_sets(detector: TrainedDetector) -> list[FaceSet] | None:
    """Find the training sets of the detector in the project that contains its folder; None if they are missing."""
    folders = detector.card.get("settings", {}).get("train_on", {})
    for root in detector.folder.resolve().parents:
        found = [root / "data/sets" / str(folders[key]) for key in ("reals", "fakes") if folders.get(key)]
        if len(found) == 2 and all(folder.is_dir() for folder in found):
            return [one for folder in found for one in sets_for_fitting(folder)]
    return None


def _pictures(detector: TrainedDetector, folder: Path) -> list[Pixels]:
    """Crop the main face of each picture in a folder."""
    face_detector = FaceDetector(detector.face_detector, detector.faces.detect)
    crops = []
    for path in islice(walk(str(folder), Skipped()), MOST):
        data = Path(path).read_bytes()
        (crop,) = preprocess_pictures([data], face_detector, detector.faces, int(detector.card["seed"]), "found")
        if isinstance(crop, Crop):
            crops.append(decode_crop(crop.jpeg))
    return crops


def faces_for_check(detector: TrainedDetector, given: Path | None) -> CheckFaces:
    """Find faces for the check of an export.

    Args:
        detector: the detector to export.
        given: a folder with face sets or pictures, at any depth; None for the validation faces of the detector.

    Raises:
        UserError: there are no faces.
    """
    if given is None:
        sets = _own_sets(detector)
        if sets is None:
            raise UserError(
                f"{detector.folder}: the validation faces of this detector are not on this machine, and an export is "
                "checked on faces; give a folder of face sets or pictures with `--faces FOLDER`"
            )
        crops, labels = _read(sets, ["val"], detector.training_seed)
        if crops:
            return CheckFaces(crops, labels, "validation faces of its training data", True)
        raise UserError(f"{detector.folder}: its training data have no validation faces; give faces with `--faces`")
    if not given.is_dir():
        raise UserError(f"{given}: not a folder; give one with face sets or with pictures")
    if next(given.rglob("set.json"), None):
        sets = sets_below(given)
        fitting = all(one.use == "train" for one in sets)
        crops, labels = _read(sets, ["val"] if fitting else ["train", "val", "test"], detector.training_seed)
        known: npt.NDArray[np.int64] | None = labels
    else:
        fitting, crops, known = False, _pictures(detector, given), None
    if not crops:
        raise UserError(f"{given}: no face was found in it; give a folder with face sets or with pictures")
    return CheckFaces(crops, known, f"faces of the folder {given.name}", fitting)
