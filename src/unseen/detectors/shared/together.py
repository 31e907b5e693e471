"""Make an ensemble out of trained detectors, and freeze numbers of its own."""

from dataclasses import dataclass
from typing import Any

from unseen.core.errors import UserError
from unseen.core.runtime import prepare
from unseen.data.pictures import load_crops
from unseen.data.shards import FaceSet
from unseen.detectors.kinds import ensemble
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.calibration import Calibration, calibrate
from unseen.detectors.shared.logits import logits_of_faces
from unseen.detectors.shared.settings import CalibrationSettings, EnsembleSettings


@dataclass(frozen=True)
class Joined:
    """An ensemble, its frozen numbers and the beginning of its card."""

    model: Detector
    calibration: Calibration
    card: dict[str, Any]


def join(
    name: str,
    members: list[TrainedDetector],
    settings: EnsembleSettings,
    calibration: CalibrationSettings,
    sets: list[FaceSet],
) -> Joined:
    """Two detectors as one. Nothing is fitted but temperature and threshold, on validation people of `sets`.

    Args:
        name: the ensemble's.
        members: the two, from their artifacts.
        settings: its knobs.
        calibration: which operating point to freeze.
        sets: from `sets_for_fitting`, so that none is held out.

    Raises:
        UserError: the members see faces that were cropped differently; or a class has no validation faces.
    """
    first, second = members
    if first.faces != second.faces or first.face_detector != second.face_detector:
        raise UserError(f"`{first.name}` and `{second.name}` were trained on faces cut in other ways; retrain one")
    parts = [
        {"kind": one.card["kind"], "config": one.model.config, "temperature": one.calibration.temperature}
        for one in members
    ]
    model = ensemble.joined(parts, [one.model.state_dict() for one in members], settings.weight)
    device = prepare()
    val = load_crops(sets, ["val"], ["label"])
    frozen = calibrate(logits_of_faces(model.to(device), val, device), val.labels, calibration)
    card = {
        "name": name,
        "faces": first.faces.model_dump(),
        "seed": first.card["seed"],
        "settings": settings.model_dump(),
        "trained_on": _both(first.card["trained_on"], second.card["trained_on"]),
    }
    return Joined(model, frozen, card)


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What either has seen, split by split."""
    return {
        split: {
            "faces": dict(sorted({**first[split]["faces"], **second[split]["faces"]}.items())),
            **{key: max(one[split].get(key, 0) for one in (first, second)) for key in ("people", "without_identity")},
            "generators": sorted({*first[split]["generators"], *second[split]["generators"]}),
        }
        for split in first
    }
