"""The one road that every face takes, real or fake: decode, find, crop, resize once, encode once.

Nothing here is told a label. A crop is aligned in place and size but not in roll: turning a picture
resamples it a second time, and a resampling that one class has more of is a label.
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
from unseen.faces.detect import FaceDetector, Found
from unseen.faces.original import original
from unseen.faces.settings import FaceSettings, JpegSettings

CENTRE_DOWN = 0.35
"""How far the crop's centre lies from the eyes towards the mouth."""

HELD_PIXELS = 2**24
"""Decoded pixels that wait for the face detector at most, over one picture's own: 50 MB."""

Framing = Literal["found", "whole"]
"""`found`: crop around the face. `whole`: the picture is a crop already, made by a generator that learned
it from crops of this road; cropping it again would resample fakes once more than reals."""


@dataclass(frozen=True)
class Crop:
    """A face as it is stored.

    Attributes:
        jpeg: the encoded crop.
        sha256: of the original bytes.
        dhash: difference hash of the crop.
        picture_dhash: difference hash of the whole picture.
        size: width and height of the original picture, in pixels.
        face: where the face lies in the original picture.
        several: the picture showed more than one face.
        original: what the original file was like; see `unseen.faces.original`.
    """

    jpeg: bytes
    sha256: str
    dhash: str
    picture_dhash: str
    size: tuple[int, int]
    face: Found
    several: bool
    original: dict[str, str]


def square_around(face: Found, scale: float) -> tuple[float, float, float]:
    """Centre x, centre y and side of the crop, in pixels, after FFHQ's alignment (Karras et al. 2019):
    the side follows whichever is larger, 2 x the eyes' distance or 1.8 x eyes to mouth, so that a face
    in profile keeps its size."""
    (lx, ly), (rx, ry), _, (mlx, mly), (mrx, mry) = face.landmarks
    eyes_x, eyes_y = (lx + rx) / 2, (ly + ry) / 2
    down_x, down_y = (mlx + mrx) / 2 - eyes_x, (mly + mry) / 2 - eyes_y
    side = scale * max(2.0 * math.hypot(rx - lx, ry - ly), 1.8 * math.hypot(down_x, down_y))
    return eyes_x + CENTRE_DOWN * down_x, eyes_y + CENTRE_DOWN * down_y, side


def cut(picture: Image.Image, x: float, y: float, side: float, size: int) -> Image.Image:
    """The square of `side` pixels around (x, y), resized once with an antialiased filter.

    Where the square leaves the picture, the picture's edge goes on.
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
    """The final encode: JPEG 4:2:0, quality drawn from the original's hash and the seed alone."""
    quality = settings.low + int(unit_interval("quality", seed, sha256) * (settings.high - settings.low + 1))
    buffer = io.BytesIO()
    bare = crop.copy()
    bare.info = {}  # Pillow would write the original's comment into the crop, and a comment tells where it is from
    bare.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def difference_hash(picture: Image.Image) -> str:
    """256 bits that say where brightness rises from left to right on a 17 x 16 thumbnail, as 64 hex digits."""
    small = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BOX), np.int16)
    return np.packbits((small[:, 1:] > small[:, :-1]).ravel()).tobytes().hex()


def main_face(found: list[Found], picture: Image.Image) -> Found:
    """The face a portrait is of: large and near the middle, where there are several."""
    middle_x, middle_y = picture.width / 2, picture.height / 2
    reach = math.hypot(middle_x, middle_y)

    def weight(face: Found) -> float:
        left, top, right, bottom = face.box
        away = math.hypot((left + right) / 2 - middle_x, (top + bottom) / 2 - middle_y) / reach
        return (right - left) * (bottom - top) * (1.0 - away)

    return max(found, key=weight)


def store(picture: Image.Image, face: Found, sha256: str, settings: FaceSettings, seed: int) -> tuple[bytes, str]:
    """Crop, resize and encode one found face.

    Returns:
        JPEG bytes of a `settings.side` square, and its difference hash.

    Raises:
        BadPictureError: `too_small`.
    """
    x, y, side = square_around(face, settings.scale)
    if not side >= settings.min_crop:
        raise BadPictureError("too_small", f"the face's crop is {side:.0f} px, below {settings.min_crop}")
    crop = cut(picture, x, y, side, settings.side)
    return encode(crop, sha256, settings.jpeg, seed), difference_hash(crop)


def _crop(
    data: bytes,
    picture: Image.Image,
    found: list[Found],
    settings: FaceSettings,
    seed: int,
    framing: Framing,
    encoded_as: str,
) -> Crop:
    """The second half of the road, after the faces are found."""
    if not found:
        raise BadPictureError("no_face", "no face was found")
    sha256 = hashlib.sha256(data).hexdigest()
    face = main_face(found, picture)
    if framing == "found":
        jpeg, dhash = store(picture, face, sha256, settings, seed)
    else:
        side = min(picture.size)
        crop = cut(picture, picture.width / 2, picture.height / 2, side, settings.side)
        jpeg, dhash = encode(crop, encoded_as or sha256, settings.jpeg, seed), difference_hash(crop)
    whole = difference_hash(picture)
    return Crop(jpeg, sha256, dhash, whole, picture.size, face, len(found) > 1, original(data))


def preprocess_pictures(
    files: Sequence[bytes],
    face_detector: FaceDetector,
    settings: FaceSettings,
    seed: int,
    framing: Framing,
    encoded_as: Sequence[str] = (),
) -> list[Crop | BadPictureError]:
    """From files' bytes to the stored crops of their main faces, each the same whatever lies beside it.

    Args:
        files: the bytes of pictures.
        face_detector: looks at several at once, where that is faster.
        settings: the preprocessing settings.
        seed: of the encode's quality.
        framing: see `Framing`.
        encoded_as: for `whole`, the sha256 of the picture whose quality each is encoded with: a twin is encoded as
            its real is. Its own, where none is given.

    Returns:
        For each file its crop, or why it has none: see `decode`, and `no_face`, `too_small`.
    """
    done: list[Crop | BadPictureError | None] = [None] * len(files)
    held: list[tuple[int, Image.Image]] = []

    def finish() -> None:
        for (position, picture), found in zip(held, face_detector.detect_all([one for _, one in held]), strict=True):
            try:
                done[position] = _crop(
                    files[position],
                    picture,
                    found,
                    settings,
                    seed,
                    framing,
                    encoded_as[position] if encoded_as else "",
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
