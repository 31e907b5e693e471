"""The preprocessing of all faces, real and fake: decode, detect, crop, resize once, encode once.

It does not know the label. A crop is aligned in position and size but not rotated: a rotation resamples the picture a
second time, and a detector could learn a difference in resampling between the classes.
"""

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from unseen.data.splits import unit_interval
from unseen.faces.decode import BadPictureError, decode
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.faces.original import original
from unseen.faces.settings import FaceSettings, JpegSettings

CENTRE_DOWN = 0.35
"""Position of the crop's centre between the eyes (0) and the mouth (1)."""

HELD_PIXELS = 2**24
"""Decoded pixels (50 MB) at which the waiting pictures go to the face detector."""

Framing = Literal["found", "whole"]
"""`found`: crop around the detected face. `whole`: use the picture as it is, because a generator trained on crops
made it; a second crop would resample fakes once more than reals."""


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
        original: properties of the file; see `unseen.faces.original`.
    """

    jpeg: bytes
    sha256: str
    dhash: str
    picture_dhash: str
    size: tuple[int, int]
    face: DetectedFace
    several: bool
    original: dict[str, str]


def square_around(face: DetectedFace, scale: float) -> tuple[float, float, float]:
    """Centre x, centre y and side of the crop, in pixels, as in FFHQ's alignment (Karras et al. 2019).

    The side is `scale` x the larger of 2 x the distance between the eyes and 1.8 x the distance from eyes to mouth,
    so a face in profile has the same size.
    """
    (lx, ly), (rx, ry), _, (mlx, mly), (mrx, mry) = face.landmarks
    eyes_x, eyes_y = (lx + rx) / 2, (ly + ry) / 2
    down_x, down_y = (mlx + mrx) / 2 - eyes_x, (mly + mry) / 2 - eyes_y
    side = scale * max(2.0 * math.hypot(rx - lx, ry - ly), 1.8 * math.hypot(down_x, down_y))
    return eyes_x + CENTRE_DOWN * down_x, eyes_y + CENTRE_DOWN * down_y, side


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


def encode(crop: Image.Image, sha256: str, settings: JpegSettings, seed: int) -> bytes:
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
    picture: Image.Image, face: DetectedFace, sha256: str, settings: FaceSettings, seed: int
) -> tuple[bytes, str]:
    """Crop, resize and encode a detected face.

    Returns:
        JPEG bytes of a `settings.side` square, and its difference hash.

    Raises:
        BadPictureError: `too_small`.
    """
    x, y, side = square_around(face, settings.scale)
    if not side >= settings.min_crop:
        raise BadPictureError("too_small", f"the face's crop is {side:.0f} px, below {settings.min_crop}")
    crop = crop_square(picture, x, y, side, settings.side)
    return encode(crop, sha256, settings.jpeg, seed), difference_hash(crop)


def _crop(
    data: bytes,
    picture: Image.Image,
    found: list[DetectedFace],
    settings: FaceSettings,
    seed: int,
    framing: Framing,
    encoded_as: str,
) -> Crop:
    """The steps after face detection."""
    if not found:
        raise BadPictureError("no_face", "no face was found")
    sha256 = hashlib.sha256(data).hexdigest()
    face = main_face(found, picture)
    if framing == "found":
        jpeg, dhash = crop_face(picture, face, sha256, settings, seed)
    else:
        side = min(picture.size)
        crop = crop_square(picture, picture.width / 2, picture.height / 2, side, settings.side)
        jpeg, dhash = encode(crop, encoded_as or sha256, settings.jpeg, seed), difference_hash(crop)
    picture_dhash = difference_hash(picture)
    return Crop(
        jpeg=jpeg,
        sha256=sha256,
        dhash=dhash,
        picture_dhash=picture_dhash,
        size=picture.size,
        face=face,
        several=len(found) > 1,
        original=original(data),
    )


def preprocess_pictures(
    files: Sequence[bytes],
    face_detector: FaceDetector,
    settings: FaceSettings,
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
        encoded_as: for `whole`, the sha256 that determines each JPEG quality: a twin has that of its original. Empty
            for the file's own.

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
