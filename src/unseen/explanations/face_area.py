"""Where the face lies in a stored crop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.faces.detect import DetectedFace
from unseen.faces.preprocess import Framing, square_around

Mask = npt.NDArray[np.bool_]
Ellipse = tuple[float, float, float, float]
"""Centre x and y, half width and half height, in the crop's pixels."""


def ellipse_in_crop(
    box: Sequence[float],
    landmarks: Sequence[float],
    picture: tuple[int, int],
    framing: Framing,
    scale: float,
    size: int,
) -> Ellipse:
    """The ellipse inscribed in the face detector's box, as faces are annotated in FDDB (Jain and Learned-Miller
    2010).

    A crop is tight: at `faces.scale` 1.1 nearly all of it lies within the box, which has hair and ears in it. What is
    no face lies in the crop's corners, and the ellipse leaves them out.

    Args:
        box: left, top, right, bottom in the original picture's pixels, as it is stored.
        landmarks: five x, y in the same.
        picture: the original's width and height.
        framing: how the crop was cut out of it; see `unseen.faces.preprocess`.
        scale: `faces.scale`.
        size: pixels of the crop's side.
    """
    if framing == "found":
        points: Any = tuple(zip(landmarks[::2], landmarks[1::2], strict=True))
        x, y, side = square_around(DetectedFace((box[0], box[1], box[2], box[3]), points, 1.0), scale)
    else:
        x, y, side = picture[0] / 2, picture[1] / 2, min(picture)
    zoom = size / side
    left, right = ((edge - x) * zoom + size / 2 for edge in (box[0], box[2]))
    top, bottom = ((edge - y) * zoom + size / 2 for edge in (box[1], box[3]))
    return (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2


def within(ellipse: Ellipse, size: int) -> Mask:
    """Which pixels' centres lie within the ellipse, [size, size]."""
    x, y, half_width, half_height = ellipse
    place = np.arange(size) + 0.5
    across, down = (place - x) / half_width, (place - y) / half_height
    return np.asarray(across[None] ** 2 + down[:, None] ** 2 <= 1)
