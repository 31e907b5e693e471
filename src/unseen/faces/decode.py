"""From bytes of any kind to an upright 8-bit sRGB picture, or to the reason why not."""

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION

# Only formats that a photo comes in: some of Pillow's other readers start programs. JPEG's reads MPO as well.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

# We refuse by our own limit, in one line, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

_SRGB = ImageCms.createProfile("sRGB")


class BadPictureError(Exception):
    """A picture that can't be used; `reason` is a short name to count by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it can be sent from one process to another
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


_DEEP_GREY = ("I;16", "I;16B", "I;16L", "I")
"""Modes of grey with more than 8 bits."""


def _white(picture: Image.Image) -> int:
    """The value of white in a picture of deep grey.

    Raises:
        BadPictureError: `unsupported_mode` where the file does not say it.
    """
    if picture.format != "TIFF":
        return 65535  # by PNG's definition; PPM's own number Pillow has scaled to this one
    bits = int(picture.tag_v2[BITSPERSAMPLE][0])  # type: ignore[attr-defined]
    if picture.mode == "I":
        raise BadPictureError("unsupported_mode", f"grey of {bits} bits, signed or above 16, has no agreed range")
    if picture.tag_v2.get(PHOTOMETRIC_INTERPRETATION, 0) == 0:  # type: ignore[attr-defined]
        raise BadPictureError("unsupported_mode", f"grey of {bits} bits in which 0 is white")
    return (1 << bits) - 1


def _eight_bit(picture: Image.Image, white: int) -> Image.Image:
    """Deep grey to 8 bit, by range and not by clipping."""
    values = np.asarray(picture).astype(np.float64)
    return Image.fromarray(np.round(values * (255.0 / white)).astype(np.uint8))


def _to_srgb(picture: Image.Image) -> Image.Image:
    """RGB by the picture's own profile, where it has one that fits."""
    profile = picture.info.get("icc_profile")
    if picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a broken profile is no reason to lose the picture
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _flattened(picture: Image.Image) -> Image.Image:
    """One opaque RGB picture; what shows through is white, as viewers show it."""
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return Image.composite(_to_srgb(rgba), Image.new("RGB", rgba.size, "white"), rgba.getchannel("A"))
    return _to_srgb(picture)


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """Decode one picture: orientation applied, sRGB, 8 bit, no alpha.

    Args:
        data: the file's bytes.
        max_pixels: width x height above which the picture is refused without decoding it.

    Returns:
        An RGB picture.

    Raises:
        BadPictureError: `empty`, `not_an_image`, `too_large`, `animated`, `damaged`, `unsupported_mode`.
    """
    if not data:
        raise BadPictureError("empty", "the file has no bytes")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # a damaged header makes the readers raise anything
        raise BadPictureError("not_an_image", f"no reader knows it ({type(error).__name__})") from error
    width, height = picture.size
    if width * height > max_pixels:
        raise BadPictureError("too_large", f"{width}x{height} is above {max_pixels} pixels")
    try:
        # MPO is a JPEG with a second view behind it, as cameras write; only the first is looked at.
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        if frames > 1:
            raise BadPictureError("animated", f"{frames} frames; give one of them as a picture")
        picture.load()
        if picture.mode == "F":
            raise BadPictureError("unsupported_mode", "floating-point pixels have no agreed range")
        upright = ImageOps.exif_transpose(picture)  # which no longer knows its format
        if picture.mode in _DEEP_GREY:
            upright = _eight_bit(upright, _white(picture))
        return _flattened(upright)
    except BadPictureError:
        raise
    except Exception as error:  # as above: what a decoder raises on damaged bytes is not documented
        raise BadPictureError("damaged", str(error) or type(error).__name__) from error
