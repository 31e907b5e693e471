"""Bring pictures of any side to one side without resampling: crops, and repeats of small pictures."""

import numpy as np

from unseen.data.pictures import Pixels


def tiled(pixels: Pixels, side: int) -> Pixels:
    """Repeat a square picture uint8 [s, s, 3] to the right and down until its side is `side` or more; a larger one is
    returned as it is.

    A padded edge would tell a small picture from a large one, and its pixels are of no camera and no generator.
    """
    times = -(-side // len(pixels))
    return np.tile(pixels, (times, times, 1)) if times > 1 else pixels


def crop_at(pixels: Pixels, side: int, across: float, down: float) -> Pixels:
    """The crop of `side` pixels of a picture uint8 [s, s, 3], `tiled` if it is smaller.

    Args:
        pixels: the picture.
        side: of the crop, in pixels.
        across: position from the left (0) to the right (1).
        down: position from the top (0) to the bottom (1).
    """
    whole = tiled(pixels, side)
    room = len(whole) - side
    left, top = round(across * room), round(down * room)
    return whole[top : top + side, left : left + side]


def centre_crop(pixels: Pixels, side: int) -> Pixels:
    """The crop in the middle; see `crop_at`."""
    return crop_at(pixels, side, 0.5, 0.5)
