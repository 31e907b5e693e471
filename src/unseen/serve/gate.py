"""Check whether a face is outside of the limits of a detector's gate. Its verdict is then `unsure`."""

from unseen.faces.detect import DetectedFace
from unseen.gate.limits import Limits, Statistics
from unseen.gate.statistics import Pixels, quality_of, side_of, turn_of


def outside(face: DetectedFace, pixels: Pixels, limits: Limits | None, scale: float) -> str:
    """Return the code of the first limit that a face violates; empty if it violates none.

    Args:
        face: the result of the face detector.
        pixels: its crop uint8 [side, side, 3].
        limits: limits of the detector; None for no gate.
        scale: `FaceSettings.scale`.
    """
    if limits is None:
        return ""
    found = Statistics(quality_of(pixels), side_of(face.landmarks, scale), turn_of(face.landmarks))
    return next(iter(limits.reasons(found)), "")
