"""Whether a face is outside of the limits within which its detector was measured. Then its verdict is `unsure`."""

from unseen.faces.detect import DetectedFace
from unseen.gate.limits import Limits, Statistics
from unseen.gate.statistics import Pixels, quality_of, side_of, turn_of


def outside(face: DetectedFace, pixels: Pixels, limits: Limits | None, scale: float) -> str:
    """The code of the first reason why a face is outside of the limits; empty if it is inside.

    Args:
        face: what the face detector says about it.
        pixels: its crop uint8 [side, side, 3].
        limits: of the detector; None for no gate.
        scale: `FaceSettings.scale`.
    """
    if limits is None:
        return ""
    found = Statistics(quality_of(pixels), side_of(face.landmarks, scale), turn_of(face.landmarks))
    return next(iter(limits.reasons(found)), "")
