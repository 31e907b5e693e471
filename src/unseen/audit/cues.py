"""What could give a class away besides being fake, measured on one stored face.

Three kinds, never mixed. Of the stored **file**: one road made both classes, so nothing may show there. Of the
**picture**: a bad GAN is honestly blurry, so these may differ; they are what a good detector must beat. Of the
**original** file, which no detector sees: where they differ, the picture may carry their traces.
"""

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from unseen.faces.detect import Found

Cues = dict[str, float | str]
"""Numbers, and names: of these which is which does not matter, only who has it."""

QUALITY = 90
"""JPEG quality at which `bytes_at_q90` is taken."""

GEOMETRY = (
    *("face_x", "face_y", "face_size", "eyes_x", "eyes_y", "eye_distance"),
    *("roll", "yaw", "pitch", "detection_score"),
)

CAUSES = {
    "format": "one class was stored in another format",
    "size": "one class was stored in another size",
    "mode": "one class was stored in grey, the other in colour",
    "metadata": "one class carries EXIF, a profile or another density",
    "tables": "one class was encoded at another quality, or by another encoder",
    "subsampling": "one class was encoded with another chroma subsampling",
    "block_grid": "one class was encoded with another block size",
    "sharpness": "a blurry generator, or another resize or camera",
    "noise": "a generator without sensor noise, or another compression",
    "fine_detail": "another resampler, or the spectrum of a generator's upsampling",
    "brightness": "another light, or another crop",
    "contrast": "another light, or a generator's colours",
    "red_green": "a colour cast of the generator or the camera",
    "blue_yellow": "a colour cast of the generator or the camera",
    "saturation": "grey pictures in one class, or a generator's colours",
    "background_brightness": "studio or plain backgrounds in one class",
    "background_detail": "plain or blurred backgrounds in one class",
    "bytes_at_q90": "more or less detail in one class",
    "grid_in_pixels": "an earlier JPEG before the crop, or a generator's strides",
    "face_found": "faces in one class that no face detector recognises",
    "face_x": "another crop or alignment",
    "face_y": "another crop or alignment",
    "face_size": "another crop or alignment",
    "eyes_x": "another crop or alignment",
    "eyes_y": "another crop or alignment",
    "eye_distance": "another crop, or children and adults",
    "roll": "aligned faces in one class only",
    "yaw": "frontal faces in one class only",
    "pitch": "another camera height in one class",
    "detection_score": "less face-like faces in one class",
    "width": "originals of another size, so another amount of reduction",
    "aspect": "originals of another shape",
    "enlarged": "crops of one class were enlarged more",
    "bytes_a_pixel": "originals compressed harder in one class",
    "quality": "originals of another JPEG quality",
    "exif": "originals from cameras in one class only",
    "profile": "originals with a colour profile in one class only",
}


def grid_phase(grey: npt.NDArray[np.float64]) -> str:
    """Where the strongest 8 x 8 block edges lie in one picture's pixels, as `x,y`.

    An earlier JPEG leaves its own grid there. But so does a generator whose strides are 2, 4 and 8, and that is a
    true trace: hence a cue of the picture and not of the file.
    """
    phases = []
    for axis in (1, 0):
        steps = np.abs(np.diff(grey, axis=axis)).mean(1 - axis)
        # a block edge is a step that is higher than the steps beside it; the i-th of these lies before pixel i + 2
        edges = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
        strength = [edges[(phase - 2) % 8 :: 8].mean() for phase in range(8)]
        phases.append(str(int(np.argmax(strength))))
    return ",".join(phases)


_PLAIN_JPEG = {"jfif": 257, "jfif_version": (1, 1), "jfif_unit": 0, "jfif_density": (1, 1)}


def _entry(key: str, value: object) -> str:
    """An entry of a file's header: of the density its value, of blocks such as EXIF only that they are there."""
    return f"{key}={value}" if key.startswith("jfif") or key == "dpi" else key


def file_cues(data: bytes) -> Cues:
    """Properties of one stored file, all of them names."""
    picture = Image.open(io.BytesIO(data))
    header = [(str(key), value) for key, value in picture.info.items()]
    found: Cues = {
        "format": str(picture.format),
        "size": f"{picture.width}x{picture.height}",
        "mode": picture.mode,
        "metadata": ",".join(sorted(_entry(k, v) for k, v in header if _PLAIN_JPEG.get(k) != v)),
        "tables": "",
        "subsampling": "",
        "block_grid": "",
    }
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        found["tables"] = str([sum(table) for _, table in sorted(picture.quantization.items())])
        found["subsampling"] = str(JpegImagePlugin.get_sampling(picture))
        # The file's own grid starts at its corner; only how many blocks share one unit can differ.
        found["block_grid"] = str([layer[1:3] for layer in picture.layer])
    return found


def _detail(grey: npt.NDArray[np.float64]) -> Cues:
    """Sharpness (log variance of the Laplacian), noise (Immerkaer 1996), and the log share of the finest detail."""
    laplacian = grey[1:-1, 1:-1] * 4 - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    mask = 4 * grey[1:-1, 1:-1] - 2 * (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:])
    mask += grey[:-2, :-2] + grey[:-2, 2:] + grey[2:, :-2] + grey[2:, 2:]
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1])[None])
    fine, middle = power[radius > 0.35].mean(), power[(radius > 0.1) & (radius < 0.25)].mean()
    return {
        "sharpness": float(np.log(laplacian.var() + 1e-6)),
        "noise": float(np.abs(mask).mean() * math.sqrt(math.pi / 2) / 6),
        "fine_detail": float(np.log((fine + 1e-6) / (middle + 1e-6))),
    }


def _geometry(found: list[Found], side: int) -> Cues:
    """Where the face lies in its crop, in parts of the crop's side, and which way it looks; 0 where none is found."""
    if not found:
        return {"face_found": "no", **dict.fromkeys(GEOMETRY, 0.0)}
    face = found[0]
    left, top, right, bottom = (value / side for value in face.box)
    (lx, ly), (rx, ry), (nx, ny), (_, mly), (_, mry) = [(x / side, y / side) for x, y in face.landmarks]
    eyes = math.hypot(rx - lx, ry - ly) + 1e-6
    middle_x, eyes_y, mouth_y = (lx + rx) / 2, (ly + ry) / 2, (mly + mry) / 2
    values = (
        (left + right) / 2,
        (top + bottom) / 2,
        math.sqrt(max(0.0, (right - left) * (bottom - top))),
        middle_x,
        eyes_y,
        eyes,
        math.atan2(ry - ly, rx - lx),
        (nx - middle_x) / eyes,
        (ny - eyes_y) / (abs(mouth_y - eyes_y) + 1e-6),
        face.score,
    )
    return {"face_found": "yes", **dict(zip(GEOMETRY, map(float, values), strict=True))}


def picture_cues(picture: Image.Image, found: list[Found]) -> Cues:
    """What one stored crop looks like.

    Args:
        picture: the crop, RGB.
        found: the faces that the face detector sees in it, best first.
    """
    pixels = np.asarray(picture, np.float64)
    grey = pixels.mean(2)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    red, green, blue = pixels.mean((0, 1))
    rim = max(1, grey.shape[0] // 10)
    corners = np.stack([grey[:rim, :rim], grey[:rim, -rim:], grey[-rim:, :rim], grey[-rim:, -rim:]])
    return {
        **_detail(grey),
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "red_green": float(red - green),
        "blue_yellow": float(blue - (red + green) / 2),
        "saturation": float((pixels.max(2) - pixels.min(2)).mean()),
        "background_brightness": float(corners[:2].mean()),
        "background_detail": float(corners.std((1, 2)).mean()),
        "bytes_at_q90": float(buffer.tell()),
        "grid_in_pixels": grid_phase(grey),
        **_geometry(found, picture.width),
    }


def original_cues(row: Mapping[str, Any], side: int) -> Cues:
    """What the original file was like.

    Args:
        row: columns width, height, box and original of a stored face.
        side: pixels of the stored crop's side.
    """
    original = dict(row["original"])
    width, height = int(row["width"]), int(row["height"])
    left, _, right, _ = row["box"]
    return {
        "width": float(width),
        "aspect": width / height,
        "enlarged": float(np.log(side / max(1.0, right - left))),
        "bytes_a_pixel": float(original.get("bytes", 0)) / (width * height),
        **{name: original.get(name, "") for name in ("format", "mode", "quality", "subsampling", "exif", "profile")},
    }
