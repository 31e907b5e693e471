"""Write predictions as CSV, Parquet and JSON lines, atomically and in constant memory."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from unseen.core.csv_text import CsvLines
from unseen.core.files import atomic_file
from unseen.serve.folders import as_text
from unseen.serve.prediction import COLUMNS, Prediction, rows_of
from unseen.serve.sidecar import SCOPE

Row = dict[str, Any]
"""A row of `output_rows`."""

FACTS = "provenance_facts"
"""The key of a row for the provenance of its picture, as plain data for JSON; the value is None if the file says
nothing."""

CHUNK = 4096
"""Rows in a Parquet row group."""

COLUMNS_OF_FILES = {"path" if column == "name" else column: kind for column, kind in COLUMNS.items()}
"""The columns of CSV and Parquet: those of `to_frame`, with `path` instead of `name`."""


def output_rows(prediction: Prediction) -> list[Row]:
    """Return the rows of a picture: those of `rows_of`, with `FACTS`."""
    facts = prediction.provenance.as_dict() if prediction.provenance else None
    return [{**row, FACTS: facts} for row in rows_of(prediction)]


class Writer(Protocol):
    """Writes the rows of one picture."""

    def __call__(self, rows: list[Row], /) -> None: ...


def as_json(row: Row) -> str:
    """Format a row as JSON: a face with `box` as [x, y, width, height], or a reason with `error` and `detail`."""
    box = [row[key] for key in ("left", "top", "box_width", "box_height")]
    shown: Row = {"path": row["name"], "box": None if box[0] is None else box}
    if row["error"] is not None:
        reason = {"error": row["error"], "detail": row["detail"], "provenance": row[FACTS]}
        return json.dumps({"type": "not_scored", **shown, **reason})
    keys = ("logit", "calibrated_logit", "score", "above_threshold", "verdict", "why", "detection_score")
    return json.dumps({"type": "face", **shown, **{key: row[key] for key in keys}, "provenance": row[FACTS]})


def header_as_json(scope: dict[str, Any]) -> str:
    """Format the first JSON line: the scope of the detector."""
    return json.dumps({"type": "detector", **scope})


def _for_file(row: Row) -> Row:
    return {"path": as_text(row["name"]), **{key: row[key] for key in COLUMNS if key != "name"}}


@contextmanager
def csv_file(path: Path) -> Iterator[Writer]:
    """Write a CSV file: UTF-8, lines end in a line feed, missing values are empty."""
    with atomic_file(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(CsvLines(handle), list(COLUMNS_OF_FILES))
        writer.writeheader()
        yield lambda rows: writer.writerows(map(_for_file, rows))


@contextmanager
def parquet_file(path: Path, scope: dict[str, Any]) -> Iterator[Writer]:
    """Write a Parquet file. The schema metadata have the detector's scope as JSON, under the key `unseen.scope`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema(
        [(column, types[kind]) for column, kind in COLUMNS_OF_FILES.items()],
        metadata={SCOPE: json.dumps(scope)},
    )
    waiting: list[Row] = []

    with atomic_file(path) as part, pq.ParquetWriter(part, schema) as writer:

        def write(most: int) -> None:
            while len(waiting) > most:
                chunk = waiting[:CHUNK]
                del waiting[:CHUNK]
                writer.write_table(pa.Table.from_pylist(chunk, schema=schema))

        def add(rows: list[Row]) -> None:
            waiting.extend(map(_for_file, rows))
            write(CHUNK)

        yield add
        write(0)


@contextmanager
def json_file(path: Path, scope: dict[str, Any]) -> Iterator[Writer]:
    """Write JSON lines, as `unseen predict --json` prints them."""
    with atomic_file(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        handle.write(header_as_json(scope) + "\n")
        yield lambda rows: handle.writelines(as_json(row) + "\n" for row in rows)


def writers_of(
    scope: dict[str, Any], csv: Path | None, parquet: Path | None, jsonl: Path | None
) -> Iterable[AbstractContextManager[Writer]]:
    """The writers of the files that are wanted."""
    if csv:
        yield csv_file(csv)
    if parquet:
        yield parquet_file(parquet, scope)
    if jsonl:
        yield json_file(jsonl, scope)
