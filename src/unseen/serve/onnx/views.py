"""The views of a crop that a detector gets, in NumPy. They equal the views in training, which need PyTorch.

This file is copied into each export, beside its example.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

PLACES = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Positions of the centre and the corners, as shares from the left and the top."""


def interpolation(before: int, after: int) -> npt.NDArray[np.float32]:
    """Compute the matrix [after, before] of PyTorch's antialiased bilinear resize of one axis."""
    scale = before / after
    reach = max(scale, 1.0)
    weights = np.zeros((after, before), np.float32)
    for row in range(after):
        centre = scale * (row + 0.5)
        first, last = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), before)
        columns = np.arange(first, last)
        found = np.maximum(0.0, 1.0 - np.abs((columns - centre + 0.5) / reach))
        weights[row, first:last] = found / found.sum()
    return weights


def resized(pixels: Pixels, side: int) -> Pixels:
    """Resize uint8 [s, s, 3] to [side, side, 3]. A value halfway between two integers may differ from PyTorch's by
    1."""
    if len(pixels) == side:
        return pixels
    weights = interpolation(len(pixels), side)
    values = pixels.transpose(2, 0, 1).astype(np.float32)
    found = weights @ values @ weights.T
    return np.ascontiguousarray(found.round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def cropped(pixels: Pixels, side: int, across: float, down: float) -> Pixels:
    """Crop `side` pixels at a position. A smaller picture is repeated to the right and down."""
    times = -(-side // len(pixels))
    whole = np.tile(pixels, (times, times, 1)) if times > 1 else pixels
    room = len(whole) - side
    left, top = round(across * room), round(down * room)
    return whole[top : top + side, left : left + side]


def error_levels(pixels: Pixels, quality: int, scale: float) -> Pixels:
    """Compute the error levels of uint8 [s, s, 3]: |picture - its JPEG| x scale, clipped at 255."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    again = np.asarray(Image.open(buffer), np.float32)
    return np.asarray((np.abs(pixels - again) * scale).clip(0, 255).round(), np.uint8)


def views_of(pixels: Pixels, view: Mapping[str, Any], ela: Mapping[str, Any] | None) -> list[Pixels]:
    """Return the views of one crop, whose logits are averaged, each uint8 [side, side, 3].

    Args:
        pixels: the crop, uint8 [s, s, 3].
        view: `kind`, `side` and `views`, as in detector.json.
        ela: the arguments of `error_levels`; None for no error level analysis.
    """
    kind, side = view["kind"], view["side"]
    seen: Sequence[Pixels] = [pixels]
    if kind == "crop":
        seen = [cropped(pixels, side, *place) for place in PLACES[: view["views"]]]
    elif kind == "resize":
        seen = [resized(pixels, side)]
    return [error_levels(np.ascontiguousarray(one), **ela) for one in seen] if ela else list(seen)


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), the same float as SciPy's `expit`."""
    try:
        return 1.0 / (1.0 + math.exp(-value))
    except OverflowError:
        return 0.0
