"""From a picture to the crops of its faces, with NumPy and Pillow: the steps around the face detector.

This file is copied into each export, beside its example. Its crops have the pixels of those of `unseen.faces`.
"""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from unseen.serve.onnx.gate import Landmarks, square_around

Places = npt.NDArray[np.float64]


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB with the colour profile; without conversion if there is none or it does not fit."""
    picture = picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            picture = ImageCms.profileToProfile(picture, source, target, outputMode="RGB") or picture
    return picture.convert("RGB")


def upright(data: bytes) -> Image.Image:
    """Decode a file to an upright picture in sRGB. Transparent areas become white.

    Raises:
        OSError, ValueError, SyntaxError: it is not one whole 8-bit picture.
    """
    raw = Image.open(io.BytesIO(data))
    if getattr(raw, "n_frames", 1) > 1 and raw.format != "MPO":
        raise ValueError("animated; give one frame as a picture")
    if raw.mode.startswith(("I", "F")):
        raise ValueError(f"more than 8 bits a channel ({raw.mode}); convert it first")
    picture, profile = ImageOps.exif_transpose(raw), raw.info.get("icc_profile")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        return Image.composite(_to_srgb(rgba, profile), white, rgba.getchannel("A"))
    return _to_srgb(picture, profile)


def stored_jpeg_quality(data: bytes, seed: int, low: int, high: int) -> int:
    """The JPEG quality of a picture's crops, drawn from `low` to `high` by the picture's bytes as in training."""
    name = f"quality\x1f{seed}\x1f{hashlib.sha256(data).hexdigest()}"
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return low + int((draw >> 11) / 2**53 * (high - low + 1))


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def kept_boxes(found: Places, scores: npt.NDArray[np.float32]) -> Places:
    """Greedy non-maximum suppression.

    Args:
        found: [n, 7, 2], of which the first two points are corners of a box.
        scores: [n], detection scores.

    Returns:
        The kept ones of `found`, best first.
    """
    ordered = found[np.argsort([-round(score, 3) for score in scores.tolist()], kind="stable")]
    kept: list[Places] = []
    for face in ordered:
        if all(overlap(face[:2].ravel().tolist(), other[:2].ravel().tolist()) <= 0.3 for other in kept):
            kept.append(face)
    return np.array(kept).reshape(-1, *found.shape[1:])


def crop_of(picture: Image.Image, landmarks: Landmarks, faces: Mapping[str, Any]) -> Image.Image | None:
    """Crop a face as in training; None if it is too small. `faces` is that of detector.json."""
    x, y, side = square_around(landmarks, faces["scale"], faces["centre"])
    own = 8 * math.floor(side / 8 + 0.5)
    if not side >= faces["min_crop"]:
        return None
    if faces["native"] and own <= faces["side"]:
        columns = (math.floor(x - own / 2 + 0.5) + np.arange(own)).clip(0, picture.width - 1)
        rows = (math.floor(y - own / 2 + 0.5) + np.arange(own)).clip(0, picture.height - 1)
        return Image.fromarray(np.asarray(picture)[rows[:, None], columns])
    left, top = x - side / 2, y - side / 2
    pad = math.ceil(max(0.0, -left, -top, left + side - picture.width, top + side - picture.height))
    whole = Image.fromarray(np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    box = (left + pad, top + pad, min(left + pad + side, whole.width), min(top + pad + side, whole.height))
    return whole.resize((faces["side"], faces["side"]), Image.Resampling.LANCZOS, box=box)
