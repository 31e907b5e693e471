"""Batches, the pictures of one call of a worker. The driver sends names and row numbers, and workers read the
bytes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from unseen.serve.bulk.stores import Store, read_picture
from unseen.serve.prediction import NotScored

READERS = 8
"""Files that a worker reads in parallel, because remote storage takes about 10 ms per request."""

Read = tuple[str, bytes | NotScored]
"""The id of a picture, and its bytes or the reason why it can't be read."""


class Batch(Protocol):
    """The pictures of one call of a worker, in a fixed order."""

    def __len__(self) -> int: ...

    def singles(self) -> "Sequence[Batch]":
        """Split into batches of one picture each."""

    def ids(self) -> list[str]:
        """Return the ids without reading a picture."""

    def read(self) -> list[Read]:
        """Read the pictures: ids and bytes."""


@dataclass(frozen=True)
class Files:
    """Pictures that are files.

    Attributes:
        base: URL of the folder to which names are relative.
        names: relative paths, absolute paths or URLs. They are the ids.
    """

    base: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def singles(self) -> "list[Files]":
        """See `Batch`."""
        return [Files(self.base, (name,)) for name in self.names]

    def ids(self) -> list[str]:
        """See `Batch`."""
        return list(self.names)

    def read(self) -> list[Read]:
        """See `Batch`."""
        store = _store(self.base)
        with ThreadPoolExecutor(1 if store.is_local else READERS) as threads:
            found = threads.map(lambda name: read_picture(store, name), self.names)
            return list(zip(self.names, found, strict=True))


@lru_cache(maxsize=4)
def _store(url: str) -> Store:
    return Store(url)


@lru_cache(maxsize=2)
def _row_group(base: str, file: str, group: int, column: str) -> Any:
    """Read a column of a row group. Ids and pictures are cached, because the next batch is usually in the same
    group."""
    import pyarrow.parquet as pq

    store = _store(base)
    with store.fs.open(store.path(file), "rb") as handle:
        return pq.ParquetFile(handle).read_row_group(group, columns=[column])


@dataclass(frozen=True)
class Rows:
    """Pictures that are rows of one row group of a Parquet file.

    Attributes:
        base: URL of the folder to which `file` is relative.
        file: name of the Parquet file.
        group: the row group.
        offset: number of the row group's first row in the file.
        start: first row in the row group.
        stop: the row after the last one.
        image: column of pictures: bytes, or a struct with `bytes` and an optional `path`.
        id: column of ids; None for FILE#ROW.
    """

    base: str
    file: str
    group: int
    offset: int
    start: int
    stop: int
    image: str
    id: str | None

    def __len__(self) -> int:
        return self.stop - self.start

    def singles(self) -> "list[Rows]":
        """See `Batch`."""
        fixed = (self.base, self.file, self.group, self.offset)
        return [Rows(*fixed, row, row + 1, self.image, self.id) for row in range(self.start, self.stop)]

    def ids(self) -> list[str]:
        """See `Batch`."""
        if self.id is None:
            return [f"{self.file}#{self.offset + row}" for row in range(self.start, self.stop)]
        return [str(one) for one in self._values(self.id)]

    def _values(self, column: str) -> list[Any]:
        table = _row_group(self.base, self.file, self.group, column)
        top, *below = [column] if column in table.column_names else column.split(".")
        rows = table.column(top).slice(self.start, len(self)).to_pylist()
        return [row.get(below[0]) if below and isinstance(row, dict) else row for row in rows]

    def read(self) -> list[Read]:
        """See `Batch`."""
        store = _store(self.base)
        return [(name, _bytes(row, store)) for name, row in zip(self.ids(), self._values(self.image), strict=True)]


def _bytes(row: Any, store: Store) -> bytes | NotScored:
    """Return the bytes of a picture in a Parquet row."""
    if isinstance(row, dict):
        if row.get("bytes") is None and row.get("path"):
            return read_picture(store, row["path"])
        row = row.get("bytes")
    return NotScored("empty", "no bytes in this row") if row is None else bytes(row)
