"""Tables of paths, and the columns of Parquet files."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from unseen.core.errors import UserError
from unseen.serve.bulk.stores import Store

PICTURE_COLUMNS, PATH_COLUMNS = ("image", "jpg", "png", "img"), ("path", "file", "file_name", "image", "url")
"""Column names that are tried in this order if none is given."""


def open_parquet(store: Store, name: str) -> Any:
    """Open a Parquet file and read only its footer.

    Raises:
        UserError: it can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(store.fs.open(store.path(name), "rb"))
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{store.path(name)}: can't be read as Parquet: {error}; repair or remove the file") from None


def column_of(schema: Any, given: str | None, of_pictures: bool) -> str | None:
    """Find the column of pictures (bytes, or a struct with bytes) or of paths; None if there is none."""
    import pyarrow as pa

    def fits(kind: Any) -> bool:
        if not of_pictures:
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
        if pa.types.is_struct(kind):
            return any(one.name == "bytes" and fits(one.type) for one in kind)
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    names = [one.name for one in schema if fits(one.type)]
    if given is not None:
        return given if given in names else None
    known = [name for name in (PICTURE_COLUMNS if of_pictures else PATH_COLUMNS) if name in names]
    return known[0] if known else names[0] if len(names) == 1 else None


def has_column(schema: Any, name: str) -> bool:
    """Whether a column exists; `a.b` is the field `b` of a struct column `a`."""
    import pyarrow as pa

    top, *below = [name] if name in schema.names else name.split(".")
    if schema.names.count(top) != 1:
        return False
    kind = schema.field(top).type
    return not below or (len(below) == 1 and pa.types.is_struct(kind) and below[0] in [one.name for one in kind])


def _no_column(store: Store, column: str | None, names: Iterable[str]) -> UserError:
    what = f"no column `{column}`" if column else f"no column is named {', '.join(PATH_COLUMNS)}"
    return UserError(f"{store.url}: {what}; give --column, one of {', '.join(names)}")


def paths(store: Store, column: str | None) -> Iterator[str]:
    """Yield the paths in a table.

    Raises:
        UserError: the table does not have the column, or can't be read.
    """
    if store.url.lower().endswith(".parquet"):
        file = open_parquet(store, "")
        found = column_of(file.schema_arrow, column, of_pictures=False)
        if found is None:
            raise _no_column(store, column, file.schema_arrow.names)
        for batch in file.iter_batches(columns=[found]):
            yield from (str(one or "") for one in batch.column(0).to_pylist())
        return
    if store.url.lower().endswith(".txt"):
        with store.fs.open(store.root, "rt", encoding="utf-8", errors="surrogateescape") as text:
            yield from filter(None, (line.rstrip("\r\n") for line in text))
        return
    kind = "excel-tab" if store.url.lower().endswith(".tsv") else "excel"
    with store.fs.open(store.root, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        rows = csv.DictReader(text, dialect=kind)
        names = list(rows.fieldnames or ())
        found = column if column in names else next((name for name in PATH_COLUMNS if name in names), None)
        if found is None or (column and column not in names):
            raise _no_column(store, column, names)
        yield from (str(row[found] or "") for row in rows)
