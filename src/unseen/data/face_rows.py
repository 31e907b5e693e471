"""Rows of a face set: stored faces, and dropped pictures."""

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from PIL import Image, UnidentifiedImageError

from unseen.data.splits import Split

ZERO_SHOT = "zero_shot_"
"""How the names of attributes begin that a model has guessed. They are not facts about people: figures of groups that
rest on them carry a warning."""

SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("id", pa.string()),
        ("label", pa.int8()),
        ("generator", pa.string()),
        ("source", pa.string()),
        ("identity", pa.string()),
        ("split", pa.string()),
        ("sha256", pa.string()),
        ("dhash", pa.string()),
        ("picture_dhash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("box", pa.list_(pa.float32(), 4)),
        ("landmarks", pa.list_(pa.float32(), 10)),
        ("detection_score", pa.float32()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("original", pa.map_(pa.string(), pa.string())),
    ]
)


@dataclass(frozen=True)
class FaceRow:
    """A stored face.

    `label` is 0 for real and 1 for fake; `path` is the name in the archive; `dhash` is of the crop, `picture_dhash`
    of the original picture; `original` has properties of the original file; `notes` are counted and not stored.
    """

    jpeg: bytes
    path: str
    label: int
    generator: str
    source: str
    identity: str
    split: Split
    sha256: str
    dhash: str
    picture_dhash: str
    width: int
    height: int
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    detection_score: float
    attributes: dict[str, str] = field(default_factory=dict)
    original: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """The row as a record of `SCHEMA`."""
        record = {name: getattr(self, name) for name in SCHEMA.names if hasattr(self, name)}
        record["image"] = {"bytes": self.jpeg, "path": self.path}
        record["id"] = f"{self.source}/{self.path}"
        record["attributes"] = sorted(self.attributes.items())
        record["original"] = sorted(self.original.items())
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any], notes: Iterable[str] = ()) -> "FaceRow":
        """The inverse of `as_record`."""
        values = {name: record[name] for name in SCHEMA.names if name in cls.__dataclass_fields__}
        for name in ("box", "landmarks"):
            values[name] = tuple(values[name])
        for name in ("attributes", "original"):
            values[name] = dict(values[name])
        image = record["image"]
        return cls(jpeg=image["bytes"], path=image["path"], notes=tuple(notes), **values)


@dataclass(frozen=True)
class Dropped:
    """A picture without a stored face, with a reason code."""

    path: str
    reason: str
    detail: str = ""


IGNORED = frozenset({"system_file"})
"""Reason codes of files that are not pictures. They are counted separately from dropped pictures."""


_FRAMES = {0xC0, 0xC1, 0xC2}
"""Markers of the JPEG segment with height and width: baseline, extended, progressive."""


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header of a JPEG file; None if it is not laid out as encoders write it."""
    place = 2 if data.startswith(b"\xff\xd8") else len(data)
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        if marker not in (0xDB, 0xC4) and not 0xE0 <= marker <= 0xEF:
            return None
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def side_of(crop: bytes) -> int | None:
    """The side of a stored crop in pixels, from its header; None if it is not a square picture."""
    size = _jpeg_size(crop)  # 20 times as fast as Pillow
    if size is None:
        try:
            size = Image.open(io.BytesIO(crop)).size
        except (UnidentifiedImageError, OSError):
            return None
    return size[0] if size[0] == size[1] else None
