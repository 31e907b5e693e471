"""Freeze limits of faces' statistics on validation faces, as a threshold is frozen, and apply them to a face.

A limit leaves out at most a share `SHARE` of the validation faces of either class. If a limit were from reals alone,
fakes of a generator with smooth pictures would be outside of it, and a detector could not find them.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.core.recovery import advice
from unseen.data.pictures import decode_crop
from unseen.data.shards import FaceSet
from unseen.faces.settings import FaceSettings
from unseen.gate.statistics import Quality, quality_of, side_of, turn_of

FILE = "gate.json"
"""File of the limits in a detector's folder."""

SHARE = 0.005
"""Largest share of either class of the validation faces that each of the four limits leaves out."""

Reason = Literal["small_face", "degraded", "profile"]
SMALL_FACE: Final = "small_face"
DEGRADED: Final = "degraded"
PROFILE: Final = "profile"


@dataclass(frozen=True)
class Statistics:
    """All statistics of a face. `side` and `turn` are None if its landmarks are not known."""

    quality: Quality
    side: float | None
    turn: float | None


@dataclass(frozen=True)
class Limits:
    """Limits of the statistics; a face on a limit is inside.

    Attributes:
        sharpness: lowest, see `Quality`.
        blockiness: highest, see `Quality`.
        side: smallest side of the square around a face, in pixels of the picture.
        turn: largest turn of a head, see `turn_of`.
        faces: number of validation faces, by class.
        outside: share of the validation faces outside of any limit, by class.
    """

    sharpness: float
    blockiness: float
    side: float
    turn: float
    faces: dict[str, int]
    outside: dict[str, float]

    def reasons(self, found: Statistics) -> list[Reason]:
        """The reasons why a face is outside, the one that decides first."""
        reasons: list[Reason] = []
        if found.side is not None and found.side < self.side:
            reasons.append(SMALL_FACE)
        if found.quality.sharpness < self.sharpness or found.quality.blockiness > self.blockiness:
            reasons.append(DEGRADED)
        if found.turn is not None and found.turn > self.turn:
            reasons.append(PROFILE)
        return reasons

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"share": SHARE, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Limits":
        """The reverse of `as_dict`.

        Raises:
            ValueError: a value is missing or is not a finite number.
        """
        values = {}
        for name in ("sharpness", "blockiness", "side", "turn"):
            value = data.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"`{name}` is {json.dumps(value)}, not a number")
            values[name] = float(value)
        return cls(**values, faces=dict(data["faces"]), outside=dict(data["outside"]))


def statistics_of(crop: bytes, landmarks: Sequence[float] | None, scale: float) -> Statistics:
    """Statistics of a stored face: its encoded crop, and x and y of its five landmarks."""
    return Statistics(quality_of(decode_crop(crop)), *pose_of(landmarks, scale))


def pose_of(landmarks: Sequence[float] | None, scale: float) -> tuple[float | None, float | None]:
    """`side` and `turn` of `Statistics`, from x and y of five landmarks."""
    if landmarks is None or len(landmarks) != 10 or not all(map(math.isfinite, landmarks)):
        return None, None
    points = list(zip(landmarks[::2], landmarks[1::2], strict=True))
    turn = turn_of(points)
    return (side_of(points, scale), turn) if math.isfinite(turn) else (None, None)


def _limit(by_class: Sequence[list[float]], lowest: bool) -> float:
    """The limit that leaves out at most `SHARE` of each class.

    Raises:
        UserError: no face has this statistic.
    """
    found = []
    for values in by_class:
        if values:
            ordered = sorted(values, reverse=not lowest)
            found.append(ordered[math.floor(SHARE * len(ordered))])
    if not found:
        raise UserError("no validation face has landmarks; make the faces again: `dvc repro`")
    return min(found) if lowest else max(found)


def frozen(reals: Sequence[Statistics], fakes: Sequence[Statistics]) -> Limits:
    """Freeze the limits on the statistics of validation faces.

    Raises:
        UserError: a class has no faces.
    """
    if not reals or not fakes:
        raise UserError(f"the validation faces are {len(reals)} real and {len(fakes)} fake ones: both are needed")
    both = (reals, fakes)
    limits = Limits(
        sharpness=_limit([[one.quality.sharpness for one in side] for side in both], lowest=True),
        blockiness=_limit([[one.quality.blockiness for one in side] for side in both], lowest=False),
        side=_limit([[one.side for one in side if one.side is not None] for side in both], lowest=True),
        turn=_limit([[one.turn for one in side if one.turn is not None] for side in both], lowest=False),
        faces={"reals": len(reals), "fakes": len(fakes)},
        outside={},
    )
    shares = {
        name: round(float(np.mean([bool(limits.reasons(one)) for one in side])), 6)
        for name, side in zip(("reals", "fakes"), both, strict=True)
    }
    return Limits(**{**vars(limits), "outside": shares})


def freeze(sets: Sequence[FaceSet], faces: FaceSettings) -> Limits:
    """Freeze the limits on the validation faces of sets.

    Args:
        sets: of reals and of fakes, from `sets_for_fitting`, so that none is held out.
        faces: settings of the crops.

    Raises:
        UserError: a class has no validation faces.
    """
    found: tuple[list[Statistics], list[Statistics]] = ([], [])
    for face_set in sets:
        for batch in face_set.batches(["val"], ["image", "landmarks", "label"]):
            for row in batch.to_pylist():
                statistics = statistics_of(row["image"]["bytes"], row["landmarks"], faces.scale)
                found[row["label"]].append(statistics)
    return frozen(*found)


def read_limits(folder: Path) -> Limits | None:
    """The limits in a detector's folder; None if there are none, as in folders of older versions.

    Raises:
        UserError: the file can't be read or is damaged.
    """
    file = folder / FILE
    try:
        return Limits.from_dict(read_json(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}; {advice(file)}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{file}: damaged ({error}); {advice(file)}") from None
