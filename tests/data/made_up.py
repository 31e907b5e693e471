"""Made-up faces, and sets of them."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from unseen.core.settings import Role
from unseen.data.face_rows import SCHEMA, FaceRow
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet
from unseen.data.splits import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def crop(number: int, side: int = 8) -> bytes:
    """A JPEG file of its own for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(buffer, "JPEG")
    return buffer.getvalue() + bytes([number % 256]) * (number + 1)


def row(number: int, **changed: Any) -> FaceRow:
    """A made-up face; three a person, and every third person in another split."""
    person = number // 3
    face = FaceRow(
        jpeg=crop(number),
        path=f"s{person}/{number}, ä.jpg",
        label=0,
        generator="",
        source="orl",
        identity=f"orl/s{person}",
        split=SPLITS[person % 3],
        sha256=f"{number:064x}",
        dhash=f"{number:064x}",
        picture_dhash=f"{2 * number:064x}",
        width=92,
        height=112,
        box=(1.0, 2.5, 30.25, 40.0),
        landmarks=tuple(float(value) for value in range(10)),
        detection_score=0.75,
        attributes={"group": "b", "age": "30"},
        original={"format": "JPEG", "bytes": "4711"},
    )
    return replace(face, **changed)


def write(folder: Path, rows: int = 18, use: Role = "train", name: str = "orl") -> dict[str, Any]:
    return write_set(folder, name, use, 0, (row(number) for number in range(rows)))


def stored(face_set: FaceSet, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [found for batch in face_set.batches(SPLITS, columns or SCHEMA.names) for found in batch.to_pylist()]
