"""Simple cues of one stored face that may separate real from fake.

There are three kinds. Cues of the stored **file** must not differ, since preprocessing is the same for both classes.
Cues of the **picture** may differ, for instance if a GAN's fakes are blurry; a good detector must perform better than
them. Cues of the **original** file are not visible to detectors, but may leave traces in the picture.
"""

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from unseen.faces.crop import MULTIPLE
from unseen.faces.detect import DetectedFace

Cues = dict[str, float | str]
"""Cues by name: numbers, or categories as text."""

QUALITY = 90
"""JPEG quality at which `bytes_at_q90` is taken."""

GEOMETRY = (
    *("face_x", "face_y", "face_size", "eyes_x", "eyes_y", "eye_distance"),
    *("roll", "yaw", "pitch", "detection_score"),
)

CAUSES = {
    "format": "the classes are stored in different formats",
    "size": "the classes are stored in different sizes",
    "side": "crops of one class are larger: reduce both to one side (`faces.side`), or use `faces.native: false`",
    "mode": "one class is stored in grey, the other in colour",
    "metadata": "one class has EXIF, a colour profile or a different density",
    "tables": "different JPEG qualities or encoders",
    "subsampling": "different chroma subsampling",
    "block_grid": "different JPEG block sizes",
    "sharpness": "a blurry generator, or different resizing or cameras",
    "noise": "a generator without sensor noise, or different compression",
    "fine_detail": "different resampling, or the spectrum of a generator's upsampling",
    "brightness": "different lighting or crops",
    "contrast": "different lighting, or a generator's colours",
    "red_green": "a colour cast of the generator or the camera",
    "blue_yellow": "a colour cast of the generator or the camera",
    "saturation": "grey pictures in one class, or a generator's colours",
    "background_brightness": "studio or plain backgrounds in one class",
    "background_detail": "plain or blurred backgrounds in one class",
    "bytes_at_q90": "more or less detail in one class",
    "grid_in_pixels": "JPEG compression before the crop, or a generator's strides",
    "face_found": "faces in one class that the face detector does not find",
    "face_x": "different crops or alignment",
    "face_y": "different crops or alignment",
    "face_size": "different crops or alignment",
    "eyes_x": "different crops or alignment",
    "eyes_y": "different crops or alignment",
    "eye_distance": "different crops, or children and adults",
    "roll": "aligned faces in one class only",
    "yaw": "frontal faces in one class only",
    "pitch": "different camera heights",
    "detection_score": "less face-like faces in one class",
    "width": "originals of different sizes, so different downscaling",
    "aspect": "originals of different aspect ratios",
    "enlarged": "crops of one class were enlarged more",
    "reduction": "crops of one class were reduced more, because their pictures are larger",
    "outside": "crops of one class reach beyond the picture, where its edge is repeated",
    "bytes_a_pixel": "originals compressed more in one class",
    "quality": "originals of different JPEG qualities",
    "exif": "originals from cameras in one class only",
    "profile": "originals with a colour profile in one class only",
}


def grid_phase(grey: npt.NDArray[np.float64]) -> str:
    """Position of the strongest 8 x 8 block edges in a grey picture [h, w], as `x,y`, 0 to 7 each.

    Earlier JPEG compression leaves such a grid. A generator with strides of 2, 4 and 8 does too, which is a genuine
    artifact; so this is a cue of the picture and not of the file.
    """
    phases = []
    for axis in (1, 0):
        steps = np.abs(np.diff(grey, axis=axis)).mean(1 - axis)
        # a block edge is a larger step than its neighbours; edges[i] is before pixel i + 2
        edges = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
        strength = [edges[(phase - 2) % 8 :: 8].mean() for phase in range(8)]
        phases.append(str(int(np.argmax(strength))))
    return ",".join(phases)


_PLAIN_JPEG = {"jfif": 257, "jfif_version": (1, 1), "jfif_unit": 0, "jfif_density": (1, 1)}


def _entry(key: str, value: object) -> str:
    """Text for an entry of a file's header: key and value for densities, the key alone for blocks such as EXIF."""
    return f"{key}={value}" if key.startswith("jfif") or key == "dpi" else key


def file_cues(data: bytes, native: bool = False) -> Cues:
    """Cues of one stored file, all of them categories but `side`, in pixels, which a native set has for `size`."""
    picture = Image.open(io.BytesIO(data))
    header = [(str(key), value) for key, value in picture.info.items()]
    found: Cues = {
        "format": str(picture.format),
        **({"side": float(picture.width)} if native else {"size": f"{picture.width}x{picture.height}"}),
        "mode": picture.mode,
        "metadata": ",".join(sorted(_entry(k, v) for k, v in header if _PLAIN_JPEG.get(k) != v)),
        "tables": "",
        "subsampling": "",
        "block_grid": "",
    }
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        found["tables"] = str([sum(table) for _, table in sorted(picture.quantization.items())])
        found["subsampling"] = str(JpegImagePlugin.get_sampling(picture))
        # The grid of a JPEG file starts at its corner; only the sampling factors can differ.
        found["block_grid"] = str([layer[1:3] for layer in picture.layer])
    return found


def _detail(grey: npt.NDArray[np.float64]) -> Cues:
    """Sharpness (log variance of the Laplacian), noise (Immerkaer 1996), and high to middle frequencies."""
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


def _geometry(found: list[DetectedFace], side: int) -> Cues:
    """Position of the face in its crop, as shares of the crop's side, and its pose; 0 if no face is found."""
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


def picture_cues(picture: Image.Image, found: list[DetectedFace]) -> Cues:
    """Cues of one stored crop.

    Args:
        picture: the crop, RGB.
        found: the faces that the face detector finds in it, best first.
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


def reduction(original: Mapping[str, str], side: int) -> float:
    """The side of the square in the picture by the side of its native crop; 1 if its pixels were kept."""
    return max(1.0, float(original["square"]) / side) if float(original["square"]) > side + MULTIPLE / 2 else 1.0


def original_cues(row: Mapping[str, Any], side: int) -> Cues:
    """Cues of the original file.

    Args:
        row: columns width, height, box and original of a stored face.
        side: side of the stored crop in pixels.
    """
    original = dict(row["original"])
    width, height = int(row["width"]), int(row["height"])
    left, _, right, _ = row["box"]
    of_square: Cues = {}
    if "square" in original:  # of native sets
        of_square = {"reduction": reduction(original, side), "outside": float(original["outside"])}
    return {
        "width": float(width),
        "aspect": width / height,
        "enlarged": float(np.log(side / max(1.0, right - left))),
        "bytes_a_pixel": float(original.get("bytes", 0)) / (width * height),
        **of_square,
        **{name: original.get(name, "") for name in ("format", "mode", "quality", "subsampling", "exif", "profile")},
    }
