"""Readers of inputs. Each splits its pictures into chunks, in a fixed order and in constant memory.

A chunk becomes one Parquet file of the output. Its fingerprint shows whether a finished file has the same pictures.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from unseen.core.errors import UserError
from unseen.core.picture_names import is_picture, is_system_file
from unseen.serve.bulk.batches import Batch, Files, Rows
from unseen.serve.bulk.stores import Store
from unseen.serve.bulk.tables import column_of, has_column, open_parquet, paths


@dataclass(frozen=True)
class Chunk:
    """The pictures of one output file.

    Attributes:
        number: number of the chunk, from 0.
        fingerprint: of what is read: names of files; for Parquet the file's size, row groups and columns.
        batches: not empty.
    """

    number: int
    fingerprint: str
    batches: Sequence[Batch]

    def __len__(self) -> int:
        return sum(map(len, self.batches))


@dataclass
class Options:
    """How an input is read.

    Attributes:
        chunk: minimum number of pictures in a chunk; Parquet row groups are not split.
        batch: maximum number of pictures in a batch.
        column: column of pictures or paths; None to search for it.
        id: column of ids in Parquet with pictures; None for FILE#ROW.
    """

    chunk: int = 1024
    batch: int = 32
    column: str | None = None
    id: str | None = None


@dataclass
class Input:
    """An input. Each call of `chunks` yields the same chunks.

    Attributes:
        store: store of the input.
        options: how the input is read.
        kind: `folder`, `parquet` or `table`.
        skipped: number of files that are not pictures, counted by the last complete call of `chunks`.
    """

    store: Store
    options: Options
    kind: str
    skipped: int = field(default=0, compare=False)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks.

        Raises:
            UserError: a file can't be read, or does not have the column.
        """
        self.skipped = 0
        if self.kind == "parquet":
            yield from self._of_row_groups()
            return
        names = self._pictures() if self.kind == "folder" else paths(self.store, self.options.column)
        base = self.store.url if self.kind == "folder" else _folder_and_name(self.store, "")[0]
        every = iter(names)
        for number, some in enumerate(iter(lambda: list(islice(every, self.options.chunk)), [])):
            at = range(0, len(some), self.options.batch)
            batches = [Files(base, tuple(some[start : start + self.options.batch])) for start in at]
            yield Chunk(number, _digest(some), batches)

    def _pictures(self) -> Iterator[str]:
        for name, info in _walk(self.store):
            if is_picture(name) or info is None:
                yield name
            else:
                self.skipped += 1

    def _of_row_groups(self) -> Iterator[Chunk]:
        number, parts, batches = 0, list[str](), list[Batch]()
        for name in _parquet_files(self.store):
            groups = list(self._row_groups(name))
            self.skipped += not groups
            for text, rows in groups:
                parts.append(text)
                batches += rows
                if sum(map(len, batches)) >= self.options.chunk:
                    yield Chunk(number, _digest(parts), batches)
                    number, parts, batches = number + 1, [], []
        if batches:
            yield Chunk(number, _digest(parts), batches)
        elif not number:
            raise UserError(f"{self.store.url}: no column of pictures was found; name it with --column")

    def _row_groups(self, name: str) -> Iterator[tuple[str, list[Rows]]]:
        """Yield the fingerprint text and the batches of each row group; nothing for a file without pictures."""
        file = open_parquet(self.store, name)
        image = column_of(file.schema_arrow, self.options.column, of_pictures=True)
        if image is None:
            return
        if self.options.id and not has_column(file.schema_arrow, self.options.id):
            raise UserError(f"{self.store.path(name)}: no column `{self.options.id}`; give another one with --id")
        base, file_name = _folder_and_name(self.store, name)
        offset = 0
        for group in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            size = file.metadata.row_group(group).total_byte_size
            at = [(start, min(start + self.options.batch, count)) for start in range(0, count, self.options.batch)]
            rows = [Rows(base, file_name, group, offset, *one, image, self.options.id) for one in at]
            if rows:
                yield f"{file_name} {group} {count} {size} {image} {self.options.id}", rows
            offset += count


def open_input(url: str, options: Options) -> Input:
    """Open an input. The suffix, the columns, or the first picture or Parquet file of a folder determine its kind.

    Raises:
        UserError: the input does not exist, or has nothing that can be scored.
    """
    store = Store(url)
    if not store.fs.exists(store.root):
        raise UserError(f"{url}: not found; give a folder of pictures, Parquet with pictures, or a table of paths")
    if not store.fs.isdir(store.root):
        if url.lower().endswith((".csv", ".tsv", ".txt")):
            return Input(store, options, "table")
        if not url.lower().endswith(".parquet"):
            raise UserError(f"{url}: unsupported input; give a folder, a .parquet file or a table (.csv, .tsv, .txt)")
        pictures = column_of(open_parquet(store, "").schema_arrow, options.column, of_pictures=True)
        return Input(store, options, "parquet" if pictures else "table")
    for name, info in _walk(store):
        if info is not None and name.lower().endswith(".parquet"):
            return Input(store, options, "parquet")
        if is_picture(name):
            return Input(store, options, "folder")
    raise UserError(f"{url}: no pictures and no .parquet files in this folder; give another one")


def _digest(parts: Iterable[str]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return found.hexdigest()[:16]


def _walk(store: Store, below: str = "") -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield the files below a folder in a fixed order, one folder at a time: name relative to the store, and file
    info.

    Links to folders are not followed. Hidden files and files of operating systems are skipped. A folder that can't be
    opened has no info, and reading it raises the error.
    """
    try:
        found = store.fs.ls(store.path(below), detail=True)
    except OSError:
        yield below, None
        return
    for info in sorted(found, key=lambda one: str(one["name"])):
        base = str(info["name"]).rstrip("/").rpartition("/")[2]
        name = f"{below}/{base}" if below else base
        if is_system_file(base):
            continue
        if info["type"] != "directory":
            yield name, info
        elif not info.get("islink"):
            yield from _walk(store, name)


def _folder_and_name(store: Store, name: str) -> tuple[str, str]:
    """Split into the URL of a folder and the name of a file in it; `name` is empty if the store is the file."""
    if name:
        return store.url, name
    protocol, separator, path = store.url.rpartition("://")
    return f"{protocol}{separator}{posixpath.dirname(path)}" or ".", posixpath.basename(path)


def _parquet_files(store: Store) -> Iterator[str]:
    if not store.fs.isdir(store.root):
        yield ""
        return
    for name, _ in _walk(store):
        if name.lower().endswith(".parquet"):
            yield name
