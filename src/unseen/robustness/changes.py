"""Changes: image perturbations, as pure functions of a picture and a level.

Each function maps uint8 [h, w, 3] to the same size and is deterministic. If it has an identity level, it returns the
same pixels at that level. Perturbations are applied to stored crops, which detectors see, not to the original photos.
"""

import hashlib
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from unseen.data.pictures import Pixels

SCREENSHOT_QUALITY = 75
"""The default JPEG quality of many encoders, and typical of messengers and sites that encode again."""

Change = Callable[[Pixels, float], Pixels]


def _encoded(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def _decoded(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize bilinearly with antialiasing."""
    return picture.resize(size, Image.Resampling.BILINEAR)


def _sides(picture: Image.Image, factor: float) -> tuple[int, int]:
    return max(1, round(picture.width * factor)), max(1, round(picture.height * factor))


def jpeg_file(pixels: Pixels, quality: float) -> bytes:
    """The JPEG file of `jpeg`: libjpeg quality 1 to 100, chroma at half the resolution."""
    return _encoded(pixels, "JPEG", quality=int(quality), subsampling="4:2:0")


def jpeg(pixels: Pixels, quality: float) -> Pixels:
    """JPEG compression at this quality, 1 to 100."""
    return _decoded(jpeg_file(pixels, quality))


def webp(pixels: Pixels, quality: float) -> Pixels:
    """Lossy WebP compression at this quality, 0 to 100."""
    return _decoded(_encoded(pixels, "WEBP", quality=int(quality)))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur, sigma in pixels of the crop; 0 is the identity."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).filter(ImageFilter.GaussianBlur(sigma)))


def noise(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian noise, independent in each channel, sigma on the scale 0 to 255; 0 is the identity.

    The seed is the hash of the picture. So a picture has the same noise in every call, and levels only scale it.
    """
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).digest()
    grain = np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(pixels.shape, np.float32)
    return (pixels + np.float32(sigma) * grain).round().clip(0, 255).astype(np.uint8)


def resize(pixels: Pixels, factor: float) -> Pixels:
    """Downscale to this share of the side and upscale again; 1 is the identity."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(_resized(_resized(picture, _sides(picture, factor)), picture.size))


def crop(pixels: Pixels, share: float) -> Pixels:
    """Centre crop of this share of the side, enlarged to the original size; 1 is the identity."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    width, height = _sides(picture, share)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return np.asarray(_resized(picture.crop((left, top, left + width, top + height)), picture.size))


def brightness(pixels: Pixels, factor: float) -> Pixels:
    """Multiply all values by this factor and clip at 255; 1 is the identity."""
    table = (np.arange(256) * factor).round().clip(0, 255).astype(np.uint8)
    return np.asarray(table[pixels])


def screenshot(pixels: Pixels, zoom: float) -> Pixels:
    """Simulate a screenshot that is shared.

    A browser or phone scales the picture bilinearly by `zoom`, which is not an integer. The screenshot is compressed
    as JPEG at quality 75, and preprocessing scales the face back to the size of the crop. The result has been
    resampled twice, with a JPEG grid that is not aligned with the original one.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    shown = np.asarray(_resized(picture, _sides(picture, zoom)))
    return np.asarray(_resized(Image.fromarray(jpeg(shown, SCREENSHOT_QUALITY)), picture.size))


def _clean(pixels: Pixels, _: float) -> Pixels:
    return pixels


CLEAN = "clean"

CHANGES: dict[str, Change] = {
    CLEAN: _clean,
    "jpeg": jpeg,
    "webp": webp,
    "blur": blur,
    "noise": noise,
    "resize": resize,
    "crop": crop,
    "brightness": brightness,
    "screenshot": screenshot,
}
"""Perturbations by their name in params, in the order of tables."""
