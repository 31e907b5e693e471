"""What happens to pictures on their way to a detector, as pure functions of a picture and a level.

Each takes and gives uint8 [h, w, 3] of the same size, says the same every time, and at its identity, where it has
one, gives the very picture back. Detectors see stored crops, so all of it happens to the crop and not to the photo.
"""

import hashlib
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from unseen.data.pictures import Pixels

SCREENSHOT_QUALITY = 75
"""JPEG quality of messengers' and sites' second encode, and of many encoders' default."""

Change = Callable[[Pixels, float], Pixels]


def _encoded(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def _decoded(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Bilinear, with a filter as wide as the reduction."""
    return picture.resize(size, Image.Resampling.BILINEAR)


def _sides(picture: Image.Image, factor: float) -> tuple[int, int]:
    return max(1, round(picture.width * factor)), max(1, round(picture.height * factor))


def jpeg_file(pixels: Pixels, quality: float) -> bytes:
    """The JPEG file that `jpeg` goes through: libjpeg's quality 1 to 100, chroma at half the resolution."""
    return _encoded(pixels, "JPEG", quality=int(quality), subsampling="4:2:0")


def jpeg(pixels: Pixels, quality: float) -> Pixels:
    """One more JPEG encode at this quality."""
    return _decoded(jpeg_file(pixels, quality))


def webp(pixels: Pixels, quality: float) -> Pixels:
    """A lossy WebP encode at this quality, 0 to 100."""
    return _decoded(_encoded(pixels, "WEBP", quality=int(quality)))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """A Gaussian blur, sigma in pixels of the crop; 0 is the identity."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).filter(ImageFilter.GaussianBlur(sigma)))


def noise(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian noise, sigma of 255, each channel its own; 0 is the identity.

    It is drawn from the hash of the picture: the same picture gets the same grain whoever asks and in whatever order,
    and at every level the same grain, only stronger.
    """
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).digest()
    grain = np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(pixels.shape, np.float32)
    return (pixels + np.float32(sigma) * grain).round().clip(0, 255).astype(np.uint8)


def resize(pixels: Pixels, factor: float) -> Pixels:
    """Down to this share of the side and back up; 1 is the identity."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(_resized(_resized(picture, _sides(picture, factor)), picture.size))


def crop(pixels: Pixels, share: float) -> Pixels:
    """The middle of the picture, of this share of its side, enlarged back to the whole; 1 is the identity."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    width, height = _sides(picture, share)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return np.asarray(_resized(picture.crop((left, top, left + width, top + height)), picture.size))


def brightness(pixels: Pixels, factor: float) -> Pixels:
    """All values times this factor, cut at 255; 1 is the identity."""
    table = (np.arange(256) * factor).round().clip(0, 255).astype(np.uint8)
    return np.asarray(table[pixels])


def screenshot(pixels: Pixels, zoom: float) -> Pixels:
    """What is left of a picture that was shown, captured and sent on.

    A browser or phone draws the picture at a zoom that is no whole number, bilinear; what was captured is sent as a
    JPEG of quality 75; and whoever checks it brings the face back to the crop's size. So one resampling grid, one
    JPEG grid that does not lie on the picture's own, and another resampling.
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
"""By the name that params give levels to, in the order in which tables have them."""
