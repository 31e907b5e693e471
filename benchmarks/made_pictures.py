"""What the benchmarks of made pictures share: the reals that they are made of, and the time of a call."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from unseen.data.face_rows import FaceRow
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set


def stored(folder: Path, photo: Path, side: int, count: int) -> FaceSet:
    """A set of one photo of a face with noise of its own for each row."""
    face = np.asarray(Image.open(photo).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), np.float32)
    random = np.random.default_rng(0)

    def row(number: int) -> FaceRow:
        buffer = io.BytesIO()
        pixels = np.rint(face + random.normal(0, 4, face.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=85, subsampling="4:2:0")
        return FaceRow(
            jpeg=buffer.getvalue(),
            path=f"{number:06d}.jpg",
            label=0,
            generator="",
            source="photo",
            identity="photo/1",
            split="train",
            sha256=f"{number:064x}",
            dhash="0" * 64,
            picture_dhash="0" * 64,
            width=side,
            height=side,
            box=(0.0, 0.0, 1.0, 1.0),
            landmarks=(0.0,) * 10,
            detection_score=0.9,
        )

    write_set(folder, "photo", "train", 0, (row(number) for number in range(count)))
    return open_set(folder)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time, and CPU time of all threads, which other work on the machine changes less."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - cpu
