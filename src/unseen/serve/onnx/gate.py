"""The degradation gate in NumPy: why a face is unlike the validation faces of a detector.

This file is copied into each export, beside its example. It gives the reasons of `unseen.gate`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Landmarks = Sequence[tuple[float, float]] | npt.NDArray[np.float64]
"""Eyes, nose and corners of the mouth, x before y. Of each pair, the one on the left of the picture comes first."""


def square_around(landmarks: Landmarks, scale: float, centre: float = 0.0) -> tuple[float, float, float]:
    """Return centre x, centre y and side of the square around a face, in pixels of the picture."""
    (lx, ly), (rx, ry), _, (mlx, mly), (mrx, mry) = landmarks
    x, y = (lx + rx) / 2, (ly + ry) / 2
    dx, dy = (mlx + mrx) / 2 - x, (mly + mry) / 2 - y
    side = scale * max(2.0 * math.hypot(rx - lx, ry - ly), 1.8 * math.hypot(dx, dy))
    return x + centre * dx, y + centre * dy, side


def turn_of(landmarks: Landmarks) -> float:
    """Return how far a head is turned to the side: 0 for a frontal face, about 1 in profile."""
    (lx, ly), (rx, ry), (nose_x, nose_y), (mlx, mly), (mrx, mry) = landmarks
    x, y = (lx + rx) / 2, (ly + ry) / 2
    dx, dy = (mlx + mrx) / 2 - x, (mly + mry) / 2 - y
    length = math.hypot(dx, dy)
    return round(abs((nose_x - x) * dy - (nose_y - y) * dx) / length**2, 3) if length else math.inf


def quality_of(pixels: Pixels) -> tuple[float, float]:
    """Return sharpness (low if a crop was enlarged or blurred) and blockiness (high after strong compression)."""
    luma = pixels.astype(np.int64) @ np.asarray([299, 587, 114])
    steps = [[np.abs(view[:, by:] - view[:, :-by]) for view in (luma, luma.T)] for by in (1, 2)]
    one, two = (sum(float(along.mean()) for along in both) / 2 for both in steps)
    if not one or not two:
        return 0.0, 0.0
    excess = [(2 * along[:, 1:-1] - along[:, :-2] - along[:, 2:])[:, 6::8] for along in steps[0]]
    borders = sum(float(of.mean()) / 2 if of.size else 0.0 for of in excess) / 2  # a crop of one block has none
    return round(one / two, 4), round(borders / one, 4)


def reason_of(pixels: Pixels, landmarks: Landmarks, limits: Mapping[str, float], scale: float) -> str:
    """Return why a face is `unsure` whatever its score is: the code of the first limit that it violates, or "".

    Args:
        pixels: the crop, uint8 [side, side, 3].
        landmarks: in pixels of the picture.
        limits: the content of gate.json; empty for no gate.
        scale: `faces.scale` of detector.json.
    """
    if not limits:
        return ""
    sharpness, blockiness = quality_of(pixels)
    if round(square_around(landmarks, scale)[2], 1) < limits["side"]:
        return "small_face"
    if sharpness < limits["sharpness"] or blockiness > limits["blockiness"]:
        return "degraded"
    return "profile" if turn_of(landmarks) > limits["turn"] else ""
