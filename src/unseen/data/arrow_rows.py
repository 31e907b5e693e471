"""Rows of faces as an Arrow table.

`pyarrow.Table.from_pylist` imports pandas, which takes 0.6 s of CPU, and looks at every value. Here the buffers of
the columns are made from lists. The tables are equal.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

from unseen.data.face_rows import SCHEMA, FaceRow

_DTYPES = {pa.int8(): np.int8, pa.int32(): np.int32, pa.float32(): np.float32}


def _numbers(values: Sequence[float], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.array(values, _DTYPES[kind]))])


def _offsets(lengths: Iterable[int]) -> pa.Buffer:
    """The first position of each value, and the last end.

    Raises:
        OverflowError: the values of a column have 2 GiB or more.
    """
    ends = np.cumsum([0, *lengths], dtype=np.int64)
    if ends[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{ends[-1]} bytes in a column of a shard, above 2 GiB")
    return pa.py_buffer(ends.astype(np.int32))


def _binaries(values: Sequence[bytes], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(
        kind, len(values), [None, _offsets(map(len, values)), pa.py_buffer(b"".join(values))]
    )


def _strings(values: Sequence[str]) -> pa.Array:
    return _binaries([value.encode() for value in values], pa.string())


def _fixed_lists(values: Sequence[Sequence[float]], kind: pa.FixedSizeListType) -> pa.Array:
    if any(len(value) != kind.list_size for value in values):
        raise ValueError(f"a row without {kind.list_size} values")
    numbers = _numbers(list(chain.from_iterable(values)), kind.value_type)
    return pa.Array.from_buffers(kind, len(values), [None], children=[numbers])


def _maps(values: Sequence[dict[str, str]], kind: pa.MapType) -> pa.Array:
    """Maps with sorted keys."""
    pairs = [pair for value in values for pair in sorted(value.items())]
    entries = pa.struct([kind.key_field, kind.item_field])
    columns = [_strings([key for key, _ in pairs]), _strings([text for _, text in pairs])]
    inner = pa.Array.from_buffers(entries, len(pairs), [None], children=columns)
    return pa.Array.from_buffers(kind, len(values), [None, _offsets(map(len, values))], children=[inner])


def _column(values: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return _strings(values)  # type: ignore[arg-type]
    if pa.types.is_map(kind):
        return _maps(values, kind)  # type: ignore[arg-type]
    if pa.types.is_fixed_size_list(kind):
        return _fixed_lists(values, kind)  # type: ignore[arg-type]
    return _numbers(values, kind)  # type: ignore[arg-type]


def table_of(rows: Sequence[FaceRow]) -> pa.Table:
    """The rows as a table of `SCHEMA`, in one chunk."""
    image = SCHEMA.field("image").type
    paths = [row.path for row in rows]
    columns = {
        "image": pa.Array.from_buffers(
            image, len(rows), [None], children=[_binaries([row.jpeg for row in rows], pa.binary()), _strings(paths)]
        ),
        "id": _strings([f"{row.source}/{row.path}" for row in rows]),
    }
    for field in SCHEMA:
        if field.name not in columns:
            columns[field.name] = _column([getattr(row, field.name) for row in rows], field.type)
    return pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)
