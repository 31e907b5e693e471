"""Decode image files to upright 8-bit sRGB pictures."""

import io

import numpy as np
from PIL import Image, ImageCms, features
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION

from unseen.core.shortages import raise_shortage
from unseen.faces.metadata import Metadata, without_metadata

# Only formats of photos: some of Pillow's other readers start programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

# `decode` checks its own limit, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

_SRGB = ImageCms.createProfile("sRGB")

HEADER_BYTES = 2**26
"""Memory that reading a header takes at most."""

PIXEL_BYTES = 16
"""Memory per pixel that decoding and converting take at most."""


class BadPictureError(Exception):
    """A picture that can't be used; `reason` is a code, `detail` a text."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that the exception can be pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


_DEEP_GREY = ("I;16", "I;16B", "I;16L", "I")
"""Greyscale modes with more than 8 bits."""


def _white(picture: Image.Image) -> int:
    """The value of white in a greyscale picture with more than 8 bits.

    Raises:
        BadPictureError: `unsupported_mode`: the file does not define it.
    """
    if picture.format != "TIFF":
        return 65535  # as PNG defines it; Pillow scales PPM to this range
    bits = int(picture.tag_v2[BITSPERSAMPLE][0])  # type: ignore[attr-defined]
    if picture.mode == "I":
        raise BadPictureError("unsupported_mode", f"grey of {bits} bits, signed or above 16, has no agreed range")
    if picture.tag_v2.get(PHOTOMETRIC_INTERPRETATION, 0) == 0:  # type: ignore[attr-defined]
        raise BadPictureError("unsupported_mode", f"grey of {bits} bits in which 0 is white")
    return (1 << bits) - 1


def _eight_bit(picture: Image.Image, white: int) -> Image.Image:
    """Scale greyscale with more than 8 bits to 8 bits, without clipping."""
    values = np.asarray(picture).astype(np.float64)
    return Image.fromarray(np.round(values * (255.0 / white)).astype(np.uint8))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes a picture upright, by EXIF orientation."""


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB with the picture's colour profile; without conversion if it has none or a broken one."""
    if picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a picture with a broken profile is still usable
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _flattened(picture: Image.Image, profile: bytes) -> Image.Image:
    """An opaque RGB picture; transparent areas become white, as in viewers."""
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return Image.composite(_to_srgb(rgba, profile), Image.new("RGB", rgba.size, "white"), rgba.getchannel("A"))
    return _to_srgb(picture, profile)


def _ftyp(data: bytes) -> set[bytes]:
    """The brands of an ISO media file (AVIF and HEIC); empty for other files."""
    if data[4:8] != b"ftyp":
        return set()
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return {brands[i : i + 4] for i in range(0, len(brands), 4) if i != 4}


def _formats(data: bytes) -> tuple[str, ...]:
    """The Pillow formats to try for a file. Registers the HEIC reader if needed.

    Raises:
        BadPictureError: `unsupported_format`: no reader is installed, or none exists.
    """
    brands = _ftyp(data)
    if brands & {b"avif", b"avis"}:
        if not features.check("avif"):
            raise BadPictureError("unsupported_format", "AVIF needs Pillow 11.3 or later: `pip install -U pillow`")
        return ("AVIF",)
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise BadPictureError(
                "unsupported_format", "HEIC needs pillow-heif: `pip install -e '.[heic]'`"
            ) from None
        register_heif_opener()
        return ("HEIF",)
    for start, name in _OTHER_FORMATS.items():
        if data.startswith(start):
            raise BadPictureError("unsupported_format", f"{name} is not supported; convert it to PNG")
    return _FORMATS


_OTHER_FORMATS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}


def open_picture(data: bytes) -> tuple[Image.Image, Metadata]:
    """Read a picture's header without decoding its pixels.

    Returns:
        The picture, without metadata and not yet upright or in sRGB, and its metadata.

    Raises:
        BadPictureError: `empty`, `not_an_image`, `unsupported_format`.
    """
    if not data:
        raise BadPictureError("empty", "the file has no bytes")
    formats = _formats(data)
    try:
        bare, metadata = without_metadata(data)
        picture = Image.open(io.BytesIO(bare), formats=formats)
    except Exception as error:  # the readers raise many types for damaged headers
        raise_shortage(error, HEADER_BYTES + 4 * len(data))
        raise BadPictureError("not_an_image", f"no known image format ({type(error).__name__})") from error
    # Pillow returns the profile of AVIF and HEIC here, and writes the AVIF file's orientation to new EXIF.
    profile, exif = picture.info.pop("icc_profile", None), picture.info.pop("exif", None)
    metadata.icc = metadata.icc or profile or b""
    if picture.format == "AVIF" and exif:
        metadata.turned = Metadata(exif.removeprefix(b"Exif\0\0")).orientation()
    return picture, metadata


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a picture to upright 8-bit sRGB without alpha.

    Args:
        data: the file's bytes.
        max_pixels: maximum of width x height; a larger picture is not decoded.

    Returns:
        An RGB picture.

    Raises:
        BadPictureError: `empty`, `not_an_image`, `unsupported_format`, `too_large`, `animated`, `damaged`,
            `unsupported_mode`.
        MemoryError: memory is short, so nothing is known of the picture.
    """
    picture, metadata = open_picture(data)
    width, height = picture.size
    if width * height > max_pixels:
        raise BadPictureError("too_large", f"{width}x{height} is above {max_pixels} pixels")
    try:
        # HEIC files of phones have several pictures, one of which is the photo; so do MPO files, which open as JPEG.
        frames = 1 if picture.format == "HEIF" else getattr(picture, "n_frames", 1)
        if frames > 1:
            raise BadPictureError("animated", f"{frames} frames; give one of them as a picture")
        picture.load()
        if picture.mode == "F":
            raise BadPictureError("unsupported_mode", "floating-point pixels have no agreed range")
        seen = _eight_bit(picture, _white(picture)) if picture.mode in _DEEP_GREY else picture
        turn = _TURNS.get(metadata.orientation())
        return _flattened(seen if turn is None else seen.transpose(turn), metadata.icc)
    except BadPictureError:
        raise
    except Exception as error:  # the decoders raise many types for damaged bytes
        raise_shortage(error, HEADER_BYTES + PIXEL_BYTES * width * height)
        raise BadPictureError("damaged", str(error) or type(error).__name__) from error
