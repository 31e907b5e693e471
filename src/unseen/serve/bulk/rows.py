"""The rows of the output: one per face, and one per picture or face without a score. Imports no backend."""

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from unseen.serve.prediction import Box, NotScored, Prediction

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = {
    "id": "string",
    "sha256": "string",
    "width": "int32",
    "height": "int32",
    "face": "int32",
    "left": "int32",
    "top": "int32",
    "box_width": "int32",
    "box_height": "int32",
    "detection_score": "float64",
    "logit": "float64",
    "calibrated_logit": "float64",
    "score": "float64",
    "above_threshold": "bool",
    "verdict": "string",
    "reason": "string",
    "detail": "string",
}
"""The columns and their Arrow types. `face` counts from 0, highest detection score first; null without a score."""

OF_FACE = ("detection_score", "logit", "calibrated_logit", "score", "above_threshold", "verdict")


def text_of(name: str) -> str:
    """Convert a name to valid UTF-8: bytes of a file name that are not UTF-8 become `\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _box(box: Box | None) -> dict[str, int | None]:
    return dict(zip(("left", "top", "box_width", "box_height"), box or (None,) * 4, strict=True))


def rows_of(name: str, prediction: Prediction) -> Iterator[dict[str, Any]]:
    """Yield the rows of a picture."""
    picture = {
        "id": text_of(name),
        "sha256": prediction.sha256 or None,
        "width": prediction.width or None,
        "height": prediction.height or None,
    }
    for number, face in enumerate(prediction.faces):
        values = {key: getattr(face, key) for key in OF_FACE}
        yield {**picture, **_box(face.box), "face": number, **values, "reason": face.why or None}
    for one in prediction.not_scored:
        yield {**picture, **_box(one.box), "reason": one.reason, "detail": text_of(one.detail)}


def table_of(rows: Iterable[dict[str, Any]]) -> "pa.Table":
    """Convert rows to an Arrow table with the columns `COLUMNS`."""
    import pyarrow as pa

    schema = pa.schema([(name, getattr(pa, kind if kind != "bool" else "bool_")()) for name, kind in COLUMNS.items()])
    return pa.Table.from_pylist(list(rows), schema=schema)


def unscored(name: str, reason: str, detail: str) -> "pa.Table":
    """Return the table for a picture that no worker could score."""
    return table_of(rows_of(name, Prediction(name, not_scored=(NotScored(reason, detail),))))


def as_parquet(table: "pa.Table") -> bytes:
    """Convert a table to the bytes of a Parquet file. Equal tables give equal bytes."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
