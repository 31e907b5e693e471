"""The square of a picture that is stored, and how its pixels become a crop.

By default a crop is resized once to `faces.side`. With `faces.native` a crop that is not larger than `faces.side`
keeps the pixels of its picture. The square around a face has a position and a side in fractions of a pixel. Then the
side is rounded to a multiple of MULTIPLE and the corner to whole pixels, so the crop is a plain copy. Its side is off
by at most half of MULTIPLE pixels.
"""

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from unseen.faces.decode import BadPictureError
from unseen.faces.detect import DetectedFace
from unseen.faces.plain_settings import CENTRE

if TYPE_CHECKING:
    from unseen.faces.settings import FaceSettings

MULTIPLE = 8
"""Native sides are multiples of this: an autoencoder that halves a picture three times needs no padding, so a twin
has the side of its real, and the JPEG file consists of whole blocks."""

Framing = Literal["found", "whole"]
"""`found`: crop around the detected face. `whole`: use the picture as it is, because a generator trained on crops
made it; a second crop would resample fakes once more than reals."""

Square = tuple[float, float, float]
"""Centre x, centre y and side of a crop, in pixels of the picture."""


def square_around(face: DetectedFace, scale: float, centre: float = CENTRE) -> Square:
    """Centre x, centre y and side of the crop, in pixels, as in FFHQ's alignment (Karras et al. 2019).

    The side is `scale` x the larger of 2 x the distance between the eyes and 1.8 x the distance from eyes to mouth,
    so a face in profile has the same size. `centre` is the position of the centre between the eyes (0) and the mouth
    (1).
    """
    (lx, ly), (rx, ry), _, (mlx, mly), (mrx, mry) = face.landmarks
    eyes_x, eyes_y = (lx + rx) / 2, (ly + ry) / 2
    down_x, down_y = (mlx + mrx) / 2 - eyes_x, (mly + mry) / 2 - eyes_y
    side = scale * max(2.0 * math.hypot(rx - lx, ry - ly), 1.8 * math.hypot(down_x, down_y))
    return eyes_x + centre * down_x, eyes_y + centre * down_y, side


def crop_square(picture: Image.Image, x: float, y: float, side: float, size: int) -> Image.Image:
    """Crop the square of `side` pixels around (x, y) and resize it once to `size`, with antialiasing.

    Outside of the picture, the pixels at its edge are repeated.
    """
    left, top = x - side / 2, y - side / 2
    beyond = max(0.0, -left, -top, left + side - picture.width, top + side - picture.height)
    if beyond > 0:
        pad = math.ceil(beyond)
        picture = Image.fromarray(np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
        left, top = left + pad, top + pad
    box = (left, top, min(left + side, picture.width), min(top + side, picture.height))
    return picture.resize((size, size), Image.Resampling.LANCZOS, box=box)


def native_side(side: float) -> int:
    """The side of a native crop for a square of `side` pixels: the nearest multiple of MULTIPLE."""
    return MULTIPLE * math.floor(side / MULTIPLE + 0.5)


def native_side_within(side: int) -> int:
    """The largest multiple of MULTIPLE that is not above `side`, for a picture that is used whole."""
    return side - side % MULTIPLE


def cut_square(picture: Image.Image, x: float, y: float, side: int) -> Image.Image:
    """Cut the square of `side` pixels around (x, y) at the nearest whole pixels; no pixel changes.

    Outside of the picture, the pixels at its edge are repeated.
    """
    left, top = math.floor(x - side / 2 + 0.5), math.floor(y - side / 2 + 0.5)
    columns = np.arange(left, left + side).clip(0, picture.width - 1)
    rows = np.arange(top, top + side).clip(0, picture.height - 1)
    return Image.fromarray(np.asarray(picture)[rows[:, None], columns])


def square_of(picture: Image.Image, face: DetectedFace, settings: "FaceSettings", framing: Framing) -> Square:
    """The square of the picture that is stored.

    Raises:
        BadPictureError: `too_small`.
    """
    if framing == "found":
        x, y, side = square_around(face, settings.scale, settings.centre)
    else:
        x, y, side = picture.width / 2, picture.height / 2, min(picture.size)
    if not side >= settings.min_crop and (framing == "found" or settings.native):
        # Rounded down, so that 63.97 is not "64.0 px, below 64".
        raise BadPictureError(
            "too_small", f"the face's crop is {math.floor(side * 10) / 10:.1f} px, below {settings.min_crop}"
        )
    return x, y, side


def stored_crop(picture: Image.Image, square: Square, settings: "FaceSettings", framing: Framing) -> Image.Image:
    """The crop of a square, as it is stored: resized once to `settings.side`; or with `settings.native`, and if it is
    not larger than that, not resized."""
    x, y, side = square
    if settings.native:
        own = native_side(side) if framing == "found" else native_side_within(min(picture.size))
        if own <= settings.side:
            return cut_square(picture, x, y, own)
    return crop_square(picture, x, y, side, settings.side)


def share_outside(picture: Image.Image, square: Square) -> float:
    """The share of a square's area that is outside of the picture, in [0, 1]; there its pixels are repeated ones."""
    x, y, side = square
    across, down = (
        max(0.0, min(middle + side / 2, length) - max(middle - side / 2, 0.0)) / side
        for middle, length in ((x, picture.width), (y, picture.height))
    )
    return max(0.0, 1.0 - across * down)
