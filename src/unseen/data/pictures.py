"""Read stored faces into arrays, and draw grids of pictures.

The crops of a native set have different sides. Until they are used they stay encoded (`Crops`); whoever reads a batch
of them gives a function that brings each picture to one shape.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.data.crop_file import CropFile
from unseen.data.shards import FaceSet
from unseen.data.splits import Split

Pixels = npt.NDArray[np.uint8]

Fit = Callable[[Pixels], Pixels]
"""Brings a picture uint8 [s, s, 3] of any side to one shape."""


def decode_crop(jpeg: bytes) -> Pixels:
    """A stored crop as uint8 [size, size, 3]."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def decode_crops(jpegs: Sequence[bytes], threads: Executor | None = None, fit: Fit | None = None) -> Pixels:
    """Decode stored crops to uint8 [n, side, side, 3], n >= 1, on several threads if given.

    Args:
        jpegs: the crops.
        threads: for decoding.
        fit: applied to each picture; the result is [n, ...] of what it returns. Crops of a native set need it.

    Raises:
        UserError: the pictures have different sides.
    """

    def read(jpeg: bytes) -> Pixels:
        return fit(decode_crop(jpeg)) if fit else decode_crop(jpeg)

    first = read(jpegs[0])
    pixels = np.empty((len(jpegs), *first.shape), np.uint8)
    pixels[0] = first

    def decode(place: int) -> None:
        picture = read(jpegs[place])
        if picture.shape != first.shape:
            sides = f"{first.shape[1]} x {first.shape[0]} and {picture.shape[1]} x {picture.shape[0]}"
            raise UserError(
                f"stored crops have different sides, {sides} pixels, where one side is needed: set `faces.native: "
                "false`; or, if it is not set, run the stages that make them again"
            )
        pixels[place] = picture

    list((threads.map if threads else map)(decode, range(1, len(jpegs))))
    return pixels


def decode_all(jpegs: Sequence[bytes], threads: Executor) -> list[Pixels]:
    """Decode stored crops of any side on several threads, each to uint8 [s, s, 3]."""
    return list(threads.map(decode_crop, jpegs))


@dataclass
class Faces:
    """Faces in memory: `pixels` uint8 [n, size, size, 3] and columns of length n."""

    pixels: Pixels
    columns: dict[str, list[object]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """0 for real and 1 for fake, [n]."""
        return np.asarray(self.columns["label"], np.int64)

    def take(self, rows: Iterable[int], threads: Executor | None = None, fit: Fit | None = None) -> Pixels:
        """A copy of the pixels of some rows, uint8 [n, size, size, 3]; see `decode_crops`."""
        taken = self.pixels[np.fromiter(rows, np.int64)]
        return np.stack([fit(picture) for picture in taken]) if fit and len(taken) else taken

    def fingerprint(self) -> str:
        """SHA-256 of all pixels in order; columns are not part of it."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()

    def counts(self, column: str) -> dict[str, int]:
        """The number of faces for each value of a column, sorted by value."""
        return dict(sorted(Counter(map(str, self.columns[column])).items()))


class Crops(Faces):
    """Faces as encoded crops, in memory or in a file. `take` decodes them."""

    def __init__(
        self, jpegs: Sequence[bytes], columns: dict[str, list[object]], rows: npt.NDArray[np.int64] | None = None
    ) -> None:
        """`rows` are the places in `jpegs` of these faces, if they are not all crops in the same order."""
        self._jpegs, self.columns = jpegs, columns
        self._rows = np.arange(len(jpegs)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: Iterable[int], threads: Executor | None = None, fit: Fit | None = None) -> Pixels:
        """See `Faces`."""
        jpegs = [self._jpegs[self._rows[row]] for row in rows]
        return decode_crops(jpegs, threads, fit) if jpegs else np.empty((0, 0, 0, 3), np.uint8)

    def only(self, rows: Sequence[int]) -> "Crops":
        """Some of the faces, in the order of `rows`."""
        if len(rows) == len(self) and all(row == place for place, row in enumerate(rows)):
            return self
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Crops(self._jpegs, columns, self._rows[np.asarray(rows, np.int64)])

    def fingerprint(self) -> str:
        """SHA-256 of all files in their order."""
        each = [hashlib.sha256(self._jpegs[row]).digest() for row in self._rows]
        return hashlib.sha256(b"".join(each)).hexdigest()

    @property
    def pixels(self) -> Pixels:  # type: ignore[override]
        """The pixels of all faces."""
        return self.take(range(len(self)))


def load_crops(sets: Iterable[FaceSet], splits: Sequence[Split], columns: Sequence[str]) -> Crops:
    """Copy all encoded faces of some splits to a temporary file, and read columns. The result may be empty."""
    jpegs = CropFile()
    values: dict[str, list[object]] = {name: [] for name in columns}
    for face_set in sets:
        for batch in face_set.batches(splits, ["image", *columns]):
            jpegs.extend(batch["image"].field("bytes").to_pylist())
            for name in columns:
                values[name] += _listed(batch[name])
    return Crops(jpegs, values)


def _listed(column: pa.Array) -> list[object]:
    """The values of a column. Equal texts are the same object, because many rows have the same source or person."""
    if not pa.types.is_string(column.type):
        return list(column.to_pylist())
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return [None if place is None else values[place] for place in encoded.indices.to_pylist()]


def stream(
    sets: Iterable[FaceSet],
    splits: Sequence[Split],
    columns: Sequence[str],
    size: int = 256,
    fit: Fit | None = None,
) -> Iterator[Faces]:
    """Yield batches of at most `size` faces of some splits, in stored order; threads decode the next batch.

    `fit` is for native sets; see `decode_crops`.
    """
    from unseen.core.runtime import has_idle_core  # imports PyTorch, which the decoding of single crops does not need

    def decoded(batch: pa.RecordBatch, threads: Executor) -> Faces:
        pixels = decode_crops(batch["image"].field("bytes").to_pylist(), threads, fit)
        return Faces(pixels, {name: batch[name].to_pylist() for name in columns})

    stored = (batch for face_set in sets for batch in face_set.batches(splits, ["image", *columns], size))
    yield from prefetch(stored, decoded, has_idle_core())


def load_faces(
    sets: Iterable[FaceSet],
    splits: Sequence[Split],
    columns: Sequence[str] = ("label", "source"),
    fit: Fit | None = None,
) -> Faces:
    """Read and decode all faces of some splits, into one array of their number; `fit` is for native sets, see
    `decode_crops`. The result may be empty."""
    sets = list(sets)
    count = sum(face_set.counts["splits"].get(split, 0) for face_set in sets for split in splits)
    faces = Faces(np.empty((0, 0, 0, 3), np.uint8), {name: [] for name in columns})
    place = 0
    for part in stream(sets, splits, columns, 1024, fit):
        if not place:
            faces.pixels = np.empty((count, *part.pixels.shape[1:]), np.uint8)
        faces.pixels[place : place + len(part)] = part.pixels
        place += len(part)
        for name, values in faces.columns.items():
            values += part.columns[name]
    faces.pixels = faces.pixels[:place]
    return faces


def grid(pixels: Pixels, columns: int, gap: int = 2) -> Image.Image:
    """A grid of pictures, uint8 [n, h, w, 3], row by row on white; `gap` is in pixels."""
    count, height, width, _ = pixels.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, picture in enumerate(pixels):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet)
