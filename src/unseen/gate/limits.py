"""Limits of face statistics, and the check whether a face is outside of them. Imports no slow package, because
predictions use it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.recovery import advice
from unseen.gate.statistics import Quality, side_of, turn_of

FILE = "gate.json"
"""The file with the limits in a detector's folder."""

SHARE = 0.005
"""Maximum share of the validation faces of each class that each of the four limits excludes."""

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
    """Limits of the statistics. A face on a limit is inside.

    Attributes:
        sharpness: minimum sharpness, see `Quality`.
        blockiness: maximum blockiness, see `Quality`.
        side: minimum side of the square around a face, in pixels of the picture.
        turn: maximum turn of the head, see `turn_of`.
        faces: number of validation faces, by class.
        outside: share of the validation faces that are outside of at least one limit, by class.
    """

    sharpness: float
    blockiness: float
    side: float
    turn: float
    faces: dict[str, int]
    outside: dict[str, float]

    def reasons(self, found: Statistics) -> list[Reason]:
        """Return the reasons why a face is outside. The first one is reported."""
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
        """The inverse of `as_dict`.

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


def pose_of(landmarks: Sequence[float] | None, scale: float) -> tuple[float | None, float | None]:
    """Compute `side` and `turn` of `Statistics` from the x and y of five landmarks."""
    if landmarks is None or len(landmarks) != 10 or not all(map(math.isfinite, landmarks)):
        return None, None
    points = list(zip(landmarks[::2], landmarks[1::2], strict=True))
    turn = turn_of(points)
    return (side_of(points, scale), turn) if math.isfinite(turn) else (None, None)


def read_limits(folder: Path) -> Limits | None:
    """Read the limits in a detector's folder; None if there are none, as in folders of older versions.

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
