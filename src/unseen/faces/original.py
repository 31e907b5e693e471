"""Properties of original files, stored with each crop. The audit checks whether they separate the classes."""

import numpy as np
from PIL import JpegImagePlugin

from unseen.faces.decode import open_picture

# ITU T.81, table K.1: the luminance table that most JPEG encoders scale.
_LUMINANCE = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
]


def _scaled(quality: int) -> float:
    """Mean of the luminance table at a quality, scaled as in libjpeg."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return float(np.clip((np.asarray(_LUMINANCE) * scale + 50) // 100, 1, 255).mean())


_MEANS = np.asarray([_scaled(quality) for quality in range(1, 101)])


def jpeg_quality(tables: dict[int, list[int]]) -> int:
    """Estimate the quality of a JPEG, 1 to 100, from the mean of its luminance table.

    Args:
        tables: Pillow's `quantization`; the first table is for luminance.
    """
    return int(np.abs(_MEANS - np.mean(tables[min(tables)])).argmin()) + 1


def original(data: bytes) -> dict[str, str]:
    """Properties of an original file, from its header.

    Args:
        data: a file that `decode` can read.

    Returns:
        `format`, `mode`, `bytes`, `exif`, `profile` and, for JPEG, `quality` (estimated) and `subsampling`.
    """
    picture, metadata = open_picture(data)
    found = {
        "format": "MPO" if metadata.views else str(picture.format),
        "mode": picture.mode,
        "bytes": str(len(data)),
        "exif": "yes" if metadata.exif else "no",
        "profile": "yes" if metadata.icc else "no",
    }
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.quantization:
        found["quality"] = str(jpeg_quality(picture.quantization))
        found["subsampling"] = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(
            JpegImagePlugin.get_sampling(picture), "other"
        )
    return found
