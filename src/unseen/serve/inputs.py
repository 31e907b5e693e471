"""Decode the pictures that users pass: a path, bytes of a file, a PIL image or a NumPy array."""

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseen.core.errors import UserError
from unseen.faces.decode import BadPictureError, decode
from unseen.sources.shared.entry import MAX_MEMBER_BYTES

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[np.uint8]

SINGLE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, np.ndarray)
"""The types of `Picture`."""


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        picture: the upright picture in RGB.
        sha256: SHA-256 of the file's bytes; without a file, of the bytes of `picture`, row by row. It determines the
            JPEG quality of the preprocessing.
        data: the file's bytes; None without a file.
    """

    picture: Image.Image
    sha256: str
    data: bytes | None


def read(path: str) -> bytes:
    """Read the bytes of a picture's file.

    Raises:
        BadPictureError: the path does not exist, is not a file, or is too large.
        OSError: the file can't be read.
    """
    if os.path.isdir(path):
        os.listdir(path)  # raises an error if the folder can't be opened
        raise BadPictureError("not_found", "no picture in this folder")
    if not os.path.exists(path):
        raise BadPictureError("not_found", "no such file, folder or match")
    if not os.path.isfile(path):
        raise BadPictureError("unreadable", "not a file")
    if os.path.getsize(path) > MAX_MEMBER_BYTES:
        raise BadPictureError("too_large", f"the file is larger than {MAX_MEMBER_BYTES} bytes")
    return Path(path).read_bytes()


def name_of(given: object, number: int) -> str:
    """Return the name of a picture: its path, or its number among the inputs, counted from 0.

    Raises:
        UserError: it is not a picture, or an array has an unsupported type or shape.
    """
    if isinstance(given, str | os.PathLike):
        return os.fsdecode(given)
    name = f"picture {number}"
    if not isinstance(given, SINGLE):
        raise UserError(f"{name}: is a {type(given).__name__}; give a path, bytes, a PIL image or a NumPy array")
    if isinstance(given, np.ndarray):
        colours = given.ndim == 2 or (given.ndim == 3 and given.shape[2] == 3)
        if given.dtype != np.uint8 or not colours or not given.size:
            what = f"{given.dtype} [{', '.join(map(str, given.shape))}]"
            several = "; give a list for several pictures" if given.ndim == 4 else ""
            raise UserError(
                f"{name}: is an array of {what}; give uint8 [height, width, 3] in RGB, or uint8 [height, width] in "
                f"grey{several}"
            )
    return name


def held_bytes(given: object) -> int:
    """Return the memory that a picture takes before it is read; 0 for a path."""
    if isinstance(given, np.ndarray):
        return int(given.nbytes)
    if isinstance(given, Image.Image):
        return 4 * given.width * given.height
    return 0 if isinstance(given, str | os.PathLike) else memoryview(given).nbytes  # type: ignore[arg-type]


_ORIENTATION = 0x0112
"""The EXIF tag."""


def _as_file(given: Image.Image, orientation: int, profile: bytes | None) -> bytes:
    """Encode an image without loss, so that only `decode` handles modes, colour profiles and orientation."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    modes = {"RGBa": "RGBA", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "HSV": "RGB"}  # in memory only, not in files
    image = given.convert(modes[given.mode]) if given.mode in modes else given
    buffer = io.BytesIO()
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        image.save(buffer, "TIFF", exif=exif, icc_profile=profile)
    else:
        image.save(buffer, "PNG", exif=exif, icc_profile=profile, compress_level=1)
    return buffer.getvalue()


def _rgb(given: Image.Image, max_pixels: int) -> Image.Image:
    """Convert a PIL image to what `decode` would return for a file with the same pixels and metadata.

    Raises:
        BadPictureError: see `decode`.
    """
    width, height = given.size
    if width * height > max_pixels:
        raise BadPictureError("too_large", f"{width}x{height} is above {max_pixels} pixels")
    if not width * height:
        raise BadPictureError("empty", f"{width}x{height} has no pixels")
    if (frames := getattr(given, "n_frames", 1)) > 1 and given.format not in ("MPO", "HEIF"):
        raise BadPictureError("animated", f"{frames} frames; give one of them as a picture")
    if given.mode in ("F", "I"):
        raise BadPictureError("unsupported_mode", f"pixels of mode {given.mode} have no agreed range")
    if given.mode.startswith("I;16") and given.format == "TIFF":
        raise BadPictureError(
            "unsupported_mode", "grey of more than 8 bits in TIFF; give the file, which has its range"
        )
    try:
        orientation, profile = given.getexif().get(_ORIENTATION, 1), given.info.get("icc_profile")
        plain = given.mode in ("RGB", "L") and not profile and "transparency" not in given.info
        if plain and orientation in (0, 1):
            return given.convert("RGB")
        data = _as_file(given, orientation, profile)
    except Exception as error:  # the image may come from a damaged file that is decoded only now
        raise BadPictureError("damaged", str(error) or type(error).__name__) from error
    return decode(data, max_pixels)


def load_picture(given: Any, max_pixels: int) -> Decoded:
    """Read and decode a picture that `name_of` accepted.

    Raises:
        BadPictureError: see `read` and `decode`.
        OSError: the file can't be read.
    """
    if isinstance(given, np.ndarray):
        given = Image.fromarray(given)
    if isinstance(given, Image.Image):
        picture = _rgb(given, max_pixels)
        return Decoded(picture, hashlib.sha256(picture.tobytes()).hexdigest(), None)
    data = read(os.fsdecode(given)) if isinstance(given, str | os.PathLike) else bytes(given)
    if len(data) > MAX_MEMBER_BYTES:
        raise BadPictureError("too_large", f"more than {MAX_MEMBER_BYTES} bytes")
    return Decoded(decode(data, max_pixels), hashlib.sha256(data).hexdigest(), data)


def is_single(given: object) -> bool:
    """Whether a value is a single picture, or neither a picture nor an iterable of pictures."""
    return isinstance(given, SINGLE) or not isinstance(given, Iterable)
