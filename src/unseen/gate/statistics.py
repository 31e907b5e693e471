"""Statistics of a face that show whether it is like the validation faces of a detector. They do not use labels.

Sums are over integers and results are rounded, so that all processors give the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unseen.faces.crop import square_around
from unseen.faces.detect import DetectedFace

Pixels = npt.NDArray[np.uint8]

BLOCK = 8
"""Side of JPEG blocks in pixels. In stored crops, the block grid starts at the corner."""

Landmarks = Sequence[tuple[float, float]]
"""Eyes, nose and corners of the mouth. Of each pair, the one on the left of the picture comes first."""


@dataclass(frozen=True)
class Quality:
    """Image quality of a crop.

    Attributes:
        sharpness: mean luma difference between pixels at distance 1, divided by that at distance 2. Low for a picture
            that was upscaled or blurred: 0.5 for a linear gradient, 0 if all pixels are equal.
        blockiness: mean luma difference across the borders of JPEG blocks minus that of the neighbouring pixels,
            divided by the mean difference. High for strong compression.
    """

    sharpness: float
    blockiness: float


def _luma(pixels: Pixels) -> npt.NDArray[np.int32]:
    """Compute luma [h, w] in thousandths."""
    return pixels.astype(np.int32) @ np.asarray([299, 587, 114], np.int32)


def _steps(luma: npt.NDArray[np.int32], distance: int) -> float:
    """Compute the mean absolute luma difference between pixels at a distance, over both directions."""
    across, down = luma[:, distance:] - luma[:, :-distance], luma[distance:] - luma[:-distance]
    return float(np.abs(across).mean(dtype=np.float64) + np.abs(down).mean(dtype=np.float64)) / 2


def _at_borders(luma: npt.NDArray[np.int32]) -> float:
    """Compute the mean, over block borders along rows, of a difference minus the mean of its two neighbours."""
    steps = np.abs(np.diff(luma, axis=1)).astype(np.int64)
    excess = (2 * steps[:, 1:-1] - steps[:, :-2] - steps[:, 2:])[:, BLOCK - 2 :: BLOCK]
    # A crop of one block, which `faces.native` allows, has no borders.
    return float(excess.mean(dtype=np.float64)) / 2 if excess.size else 0.0


def quality_of(pixels: Pixels) -> Quality:
    """Compute the image quality of a crop uint8 [side, side, 3] with a side of at least 3 pixels. A crop without
    borders of JPEG blocks, such as one of 8 pixels, has a blockiness of 0."""
    luma = _luma(pixels)
    one, two = _steps(luma, 1), _steps(luma, 2)
    if not one or not two:
        return Quality(0.0, 0.0)
    borders = (_at_borders(luma) + _at_borders(luma.T)) / 2
    return Quality(round(one / two, 4), round(borders / one, 4))


def side_of(landmarks: Landmarks, scale: float) -> float:
    """Compute the side of the square around a face, in pixels of the picture; `scale` is `FaceSettings.scale`."""
    face = DetectedFace((0.0, 0.0, 0.0, 0.0), tuple(landmarks), 1.0)
    return round(square_around(face, scale)[2], 1)


def turn_of(landmarks: Landmarks) -> float:
    """Compute how far a head is turned to the side: 0 for a frontal face, about 1 in profile.

    This is the distance of the nose from the line that joins the centres of the eyes and the mouth, divided by the
    length of this line, which does not change when the head turns to the side. Infinite if the length is 0.
    """
    (lx, ly), (rx, ry), (nose_x, nose_y), (mlx, mly), (mrx, mry) = landmarks
    eyes = (lx + rx) / 2, (ly + ry) / 2
    down = (mlx + mrx) / 2 - eyes[0], (mly + mry) / 2 - eyes[1]
    length = math.hypot(*down)
    if not length:
        return math.inf
    return round(abs((nose_x - eyes[0]) * down[1] - (nose_y - eyes[1]) * down[0]) / length**2, 3)
