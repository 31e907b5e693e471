"""Predictions: the only road from models to metrics. One row for each face that a detector scored."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unseen.errors import UserError
from unseen.files import whole_file

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
        ("logit", pa.float64()),
        ("score", pa.float64()),
    ]
)
FROM_SHARDS = ["id", "sha256", "source", "identity", "label", "generator", "attributes"]


def write_predictions(path: Path, batches: Iterable[dict[str, list[object]]]) -> int:
    """Write rows as they come, a batch at a time, and return how many there were."""
    count = 0
    with whole_file(path) as part, pq.ParquetWriter(part, SCHEMA) as writer:
        for batch in batches:
            table = pa.Table.from_pydict(batch, schema=SCHEMA)
            writer.write_table(table)
            count += len(table)
    return count


def read_predictions(path: Path) -> pd.DataFrame:
    """One detector's predictions on one evaluation set.

    Raises:
        UserError: there are none.
    """
    try:
        frame: pd.DataFrame = pq.read_table(path, schema=SCHEMA).to_pandas()
    except FileNotFoundError:
        raise UserError(f"{path}: no predictions; run `dvc repro`") from None
    return frame
