"""Sets of stored faces, made of arrays."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from unseen.data.face_rows import FaceRow
from unseen.data.set_writer import write_set


def row(source: str, number: int, label: int, pixels: np.ndarray, split: str = "test") -> FaceRow:
    """A face whose crop is the whole picture and whose box is its middle half."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=98, subsampling=0)
    size = len(pixels)
    box = (size / 4, size / 4, 3 * size / 4, 3 * size / 4)
    name = f"{number:03d}.png"
    generator = "gan" if label else ""
    zeros = "0" * 64
    return FaceRow(
        buffer.getvalue(), name, label, generator, source, f"{source}/{number // 2}", split, f"{number:064x}", zeros,
        zeros, size, size, box, (0.0,) * 10, 0.9,
    )  # fmt: skip


def write_faces(folder: Path, source: str, label: int, pictures: Sequence[np.ndarray], split: str = "test") -> None:
    """A set of `use: train`."""
    rows = [row(source, number, label, pixels, split) for number, pixels in enumerate(pictures)]
    write_set(folder, source, "train", label, rows)
