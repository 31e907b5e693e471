"""The area of the face in a stored crop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.faces.crop import Framing, square_around
from unseen.faces.detect import DetectedFace
from unseen.faces.settings import FaceSettings

Mask = npt.NDArray[np.bool_]
Ellipse = tuple[float, float, float, float]
"""Centre x and y, half width and half height, in pixels of the crop."""


def ellipse_in_crop(
    box: Sequence[float],
    landmarks: Sequence[float],
    picture: tuple[int, int],
    framing: Framing,
    faces: FaceSettings,
    size: int,
) -> Ellipse:
    """The ellipse inscribed in the face box, as in the annotations of FDDB (Jain and Learned-Miller 2010).

    Crops are tight: at `faces.scale` 1.1 the box, which includes hair and ears, covers nearly the whole crop. The
    background is in the corners, which the ellipse excludes.

    Args:
        box: stored box, left, top, right, bottom, in pixels of the original picture.
        landmarks: five points x, y in the same pixels.
        picture: width and height of the original.
        framing: how the crop was made; see `unseen.faces.preprocess`.
        faces: settings of preprocessing; `scale` and `centre` are used.
        size: side of the crop in pixels.
    """
    if framing == "found":
        points: Any = tuple(zip(landmarks[::2], landmarks[1::2], strict=True))
        x, y, side = square_around(
            DetectedFace((box[0], box[1], box[2], box[3]), points, 1.0), faces.scale, faces.centre
        )
    else:
        x, y, side = picture[0] / 2, picture[1] / 2, min(picture)
    zoom = size / side
    left, right = ((edge - x) * zoom + size / 2 for edge in (box[0], box[2]))
    top, bottom = ((edge - y) * zoom + size / 2 for edge in (box[1], box[3]))
    return (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2


def within(ellipse: Ellipse, size: int) -> Mask:
    """Mask of the pixels whose centres are inside the ellipse, [size, size]."""
    x, y, half_width, half_height = ellipse
    place = np.arange(size) + 0.5
    across, down = (place - x) / half_width, (place - y) / half_height
    return np.asarray(across[None] ** 2 + down[:, None] ** 2 <= 1)
