"""Predictions: one row per face and training seed of a detector. All metrics are computed from them alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.errors import UserError
from unseen.core.files import atomic_file

if TYPE_CHECKING:
    import pandas as pd  # slow to import; code that only writes predictions does not need it

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("sha256", pa.string()),
        ("set", pa.string()),
        ("source", pa.string()),
        ("identity", pa.string()),
        ("label", pa.int8()),
        ("generator", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("seed", pa.int64()),
        ("logit", pa.float64()),
        ("score", pa.float64()),
    ]
)
VALIDATION = "validation"
"""What `set` says in the predictions on the validation faces of a training."""

FROM_SHARDS = ["id", "sha256", "source", "identity", "label", "generator", "attributes"]


def write_predictions(path: Path, batches: Iterable[dict[str, list[object]]]) -> int:
    """Write rows batch by batch, and return the number of rows."""
    count = 0
    with atomic_file(path) as part, pq.ParquetWriter(part, SCHEMA) as writer:
        for batch in batches:
            table = pa.Table.from_pydict(batch, schema=SCHEMA)
            writer.write_table(table)
            count += len(table)
    return count


def join_predictions(parts: Iterable[Path], path: Path) -> None:
    """Write the rows of several files from `write_predictions` to one."""
    with atomic_file(path) as part, pq.ParquetWriter(part, SCHEMA) as writer:
        for file in parts:
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches():
                    writer.write_batch(batch)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read and check a detector's predictions on an evaluation set.

    Raises:
        UserError: there are no predictions; a column, or the id, identity, label or seed of a row is missing; an id
            is not unique within a training seed; or a logit or score is not finite.
    """
    try:
        table = pq.read_table(path)
        missing = sorted(set(SCHEMA.names) - set(table.column_names))
    except FileNotFoundError:
        raise UserError(f"{path}: no predictions; run `dvc repro`") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a Parquet file ({error})") from None
    if missing:
        raise UserError(f"{path}: has no column {', '.join(missing)}")
    try:
        frame: pd.DataFrame = table.select(SCHEMA.names).cast(SCHEMA).to_pandas()
    except pa.ArrowException as error:
        raise UserError(f"{path}: a column has the wrong type ({error})") from None
    if not len(frame):
        raise UserError(f"{path}: has no rows")
    for column in ("id", "identity", "label", "seed"):
        missing_in = frame.index[frame[column].isna()]
        if len(missing_in):
            raise UserError(f"{path}: {column} is missing in row {missing_in[0]} ({len(missing_in)} such rows)")
    twice = frame[frame.duplicated(["id", "seed"])]
    if len(twice):
        raise UserError(f"{path}: id {twice['id'].iloc[0]!r} is not unique in seed {twice['seed'].iloc[0]:.0f}")
    for column in ("logit", "score"):
        bad = frame.index[~np.isfinite(frame[column])]
        if len(bad):
            raise UserError(f"{path}: {column} is not a number in row {bad[0]} ({len(bad)} such rows)")
    return frame.astype({"seed": np.int64})
