"""The identity twin, a null control: a face that is processed like a twin, with no network in between.

A twin is made from a stored face, which was encoded once, and is encoded again. The second encode alone must leave no
trace, otherwise a detector of twins may detect it and no generator. With `uncompressed`, identity twins are the files
of their reals, but for a few coefficients; without it, the second chroma subsampling separates them (docs/gans.md).
"""

import io

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from unseen.data.pictures import Pixels, decode_crop

Floats = npt.NDArray[np.float64]

STEPS = 12
"""Corrections at most. Faces that match exactly do so after 4 in the median."""

FULL_STEPS = 4
"""The first corrections are applied in full and the others by half, which ends oscillations."""


class Identity(nn.Module):
    """Stands in for an autoencoder: returns the pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)  # says on which device the network is

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [n, 3, s, s], unchanged."""
        return pictures


def _again(pixels: Floats, like: Image.Image) -> Floats:
    """Pixels after an encode with the tables and subsampling of a JPEG file, and a decode."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
    picture.save(buffer, "JPEG", qtables=like.quantization, subsampling="4:2:0")  # type: ignore[attr-defined]
    return decode_crop(buffer.getvalue()).astype(np.float64)


def _without_upsampling(jpeg: bytes) -> Floats:
    """A JPEG file 4:2:0 as RGB, float64 [s, s, 3], each chroma value repeated over its 2 x 2 pixels.

    Decoders interpolate chroma, and subsampling it again does not undo that. At half the size, libjpeg decodes the
    chroma planes as they are stored.
    """
    full, half = Image.open(io.BytesIO(jpeg)), Image.open(io.BytesIO(jpeg))
    full.draft("YCbCr", full.size)
    half.draft("YCbCr", (full.width // 2, full.height // 2))
    if full.mode != "YCbCr" or half.size != (full.width // 2, full.height // 2):
        return decode_crop(jpeg).astype(np.float64)
    luma = np.asarray(full)[..., 0].astype(np.float64)
    cb, cr = (np.asarray(half)[..., 1:].astype(np.float64) - 128).repeat(2, 0).repeat(2, 1).transpose(2, 0, 1)
    return np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], -1)


def uncompressed(jpeg: bytes) -> Floats:
    """Pixels that give a stored crop when they are encoded as it was, as the crop did before its encode.

    Args:
        jpeg: a stored crop, JPEG 4:2:0.

    Returns:
        RGB, float64 [s, s, 3], slightly outside of 0 to 255 at places. For three of four faces the file is met
        exactly; the others differ in a few coefficients.
    """
    like, stored = Image.open(io.BytesIO(jpeg)), decode_crop(jpeg).astype(np.float64)
    pixels = best = _without_upsampling(jpeg)
    least = np.inf
    for step in range(STEPS):
        missing = stored - _again(pixels, like)
        error = float(np.abs(missing).mean())
        if error < least:
            best, least = pixels, error
        if not error:
            break
        pixels = pixels + (1.0 if step < FULL_STEPS else 0.5) * missing
    return best


def before_encode(jpeg: bytes, twin: Pixels) -> Pixels:
    """A twin as it must be encoded: what its network changed, added to the uncompressed real.

    Args:
        jpeg: the stored crop of the real.
        twin: the network's picture of it, uint8 [s, s, 3].
    """
    changed = twin.astype(np.float64) - decode_crop(jpeg)
    pixels: Pixels = np.rint(uncompressed(jpeg) + changed).clip(0, 255).astype(np.uint8)
    return pixels
