"""The preprocessing of all faces, real and fake: decode, detect, crop, resize once, encode once.

It does not know the label. A crop is aligned in position and size but not rotated: a rotation resamples the picture a
second time, and a detector could learn a difference in resampling between the classes. With `faces.native` a crop
that is not larger than `faces.side` is not resized either; see `unseen.faces.crop`.
"""

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from unseen.core.draws import unit_interval
from unseen.faces.crop import Framing, share_outside, square_of, stored_crop
from unseen.faces.decode import BadPictureError, decode
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.faces.original import original

if TYPE_CHECKING:
    from unseen.faces.settings import FaceSettings, JpegSettings

HELD_PIXELS = 2**24
"""Decoded pixels (50 MB) at which the waiting pictures go to the face detector."""


@dataclass(frozen=True)
class Crop:
    """A preprocessed face.

    Attributes:
        jpeg: the encoded crop.
        sha256: of the original bytes.
        dhash: difference hash of the crop.
        picture_dhash: difference hash of the picture.
        size: width and height of the picture, in pixels.
        face: the face in the picture.
        several: whether more than one face was detected.
        original: properties of the file, see `unseen.faces.original`; and of a native crop `square`, the side of its
            square in the picture in pixels, and `outside`, see `share_outside`.
    """

    jpeg: bytes
    sha256: str
    dhash: str
    picture_dhash: str
    size: tuple[int, int]
    face: DetectedFace
    several: bool
    original: dict[str, str]


def encode(crop: Image.Image, sha256: str, settings: "JpegSettings", seed: int) -> bytes:
    """Encode a crop as JPEG 4:2:0. The quality depends only on the seed and the original's hash."""
    quality = settings.low + int(unit_interval("quality", seed, sha256) * (settings.high - settings.low + 1))
    buffer = io.BytesIO()
    bare = crop.copy()
    bare.info = {}  # Pillow would copy the original's comment, which may reveal its source
    bare.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def difference_hash(picture: Image.Image) -> str:
    """Difference hash: 256 bits for increasing brightness from left to right in a 17 x 16 thumbnail, as hex."""
    small = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BOX), np.int16)
    return np.packbits((small[:, 1:] > small[:, :-1]).ravel()).tobytes().hex()


def main_face(found: list[DetectedFace], picture: Image.Image) -> DetectedFace:
    """The main face of a portrait: the one with the largest area, weighted by closeness to the centre."""
    middle_x, middle_y = picture.width / 2, picture.height / 2
    reach = math.hypot(middle_x, middle_y)

    def weight(face: DetectedFace) -> float:
        left, top, right, bottom = face.box
        away = math.hypot((left + right) / 2 - middle_x, (top + bottom) / 2 - middle_y) / reach
        return (right - left) * (bottom - top) * (1.0 - away)

    return max(found, key=weight)


def crop_face(
    picture: Image.Image, face: DetectedFace, sha256: str, settings: "FaceSettings", seed: int
) -> tuple[bytes, str]:
    """Crop and encode a detected face.

    Returns:
        JPEG bytes of a square, see `stored_crop`, and its difference hash.

    Raises:
        BadPictureError: `too_small`.
    """
    crop = stored_crop(picture, square_of(picture, face, settings, "found"), settings, "found")
    return encode(crop, sha256, settings.jpeg, seed), difference_hash(crop)


def _crop(
    data: bytes,
    picture: Image.Image,
    found: list[DetectedFace],
    settings: "FaceSettings",
    seed: int,
    framing: Framing,
    encoded_as: str,
) -> Crop:
    """The steps after face detection."""
    if not found:
        raise BadPictureError("no_face", "no face was found")
    sha256 = hashlib.sha256(data).hexdigest()
    face = main_face(found, picture)
    square = square_of(picture, face, settings, framing)
    crop = stored_crop(picture, square, settings, framing)
    jpeg, dhash = encode(crop, encoded_as or sha256, settings.jpeg, seed), difference_hash(crop)
    picture_dhash = difference_hash(picture)
    of_square = {}
    if settings.native:
        of_square = {"square": f"{square[2]:.1f}", "outside": f"{share_outside(picture, square):.3f}"}
    return Crop(
        jpeg=jpeg,
        sha256=sha256,
        dhash=dhash,
        picture_dhash=picture_dhash,
        size=picture.size,
        face=face,
        several=len(found) > 1,
        original=original(data) | of_square,
    )


def preprocess_pictures(
    files: Sequence[bytes],
    face_detector: FaceDetector,
    settings: "FaceSettings",
    seed: int,
    framing: Framing,
    encoded_as: Sequence[str] = (),
) -> list[Crop | BadPictureError]:
    """Preprocess pictures to crops of their main faces. A crop does not depend on the other pictures.

    Args:
        files: the bytes of pictures.
        face_detector: the face detector, which is given small batches.
        settings: the preprocessing settings.
        seed: of the JPEG quality.
        framing: see `Framing`.
        encoded_as: the sha256 that determines each JPEG quality: what is made of a face has that of its original.
            Empty for the file's own.

    Returns:
        For each file its crop, or the reason why there is none: see `decode`, and `no_face`, `too_small`.
    """
    done: list[Crop | BadPictureError | None] = [None] * len(files)
    held: list[tuple[int, Image.Image]] = []

    def finish() -> None:
        for (position, picture), found in zip(held, face_detector.detect_all([one for _, one in held]), strict=True):
            try:
                done[position] = _crop(
                    data=files[position],
                    picture=picture,
                    found=found,
                    settings=settings,
                    seed=seed,
                    framing=framing,
                    encoded_as=encoded_as[position] if encoded_as else "",
                )
            except BadPictureError as bad:
                done[position] = bad
        held.clear()

    for position, data in enumerate(files):
        try:
            held.append((position, decode(data, settings.max_pixels)))
        except BadPictureError as bad:
            done[position] = bad
        if sum(picture.width * picture.height for _, picture in held) >= HELD_PIXELS:
            finish()
    finish()
    return [one for one in done if one is not None]
