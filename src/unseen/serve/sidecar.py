"""The scope of a detector beside or in a file of predictions, and the threshold that it states."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError

SCOPE = b"unseen.scope"
"""Key of the metadata of a Parquet file for the detector's scope."""


def sidecar(out: Path) -> Path:
    """Return the path of the file that stores a detector's scope beside the file of predictions `out`."""
    return out.with_name(f"{out.name}.meta.json")


def _scope(file: Path) -> dict[str, Any] | None:
    """The scope beside a file of predictions, or in the metadata of a Parquet file; None if there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    beside = sidecar(file)
    if beside.is_file():
        text: str | bytes = beside.read_bytes()
    else:
        try:
            metadata = pq.read_schema(file).metadata or {}
        except (pa.ArrowException, OSError):
            return None  # a CSV file, or one that the reader of predictions has refused
        if SCOPE not in metadata:
            return None
        text = metadata[SCOPE]
    try:
        found = json.loads(text)
        return {"detector": str(found["detector"]), "threshold": float(found["threshold"])}
    except (ValueError, KeyError, TypeError):
        where = beside if beside.is_file() else file
        raise UserError(f"{where}: has no valid detector and threshold; repair it, or give --threshold") from None


def stated_threshold(files: Sequence[Path]) -> tuple[float, str] | None:
    """Return the frozen threshold that all files state and the detectors' names; None if no file states one.

    Raises:
        UserError: the files state different thresholds, or some state none; or a statement is damaged.
    """
    found = {file: _scope(file) for file in files}
    stated = {file: scope for file, scope in found.items() if scope}
    if not stated:
        return None
    thresholds = {scope["threshold"] for scope in stated.values()}
    if len(thresholds) > 1 or len(stated) < len(found):
        each = ", ".join(f"{file.name} {scope['threshold'] if scope else 'none'}" for file, scope in found.items())
        raise UserError(f"the files state different thresholds: {each}; give --threshold")
    return thresholds.pop(), ", ".join(sorted({scope["detector"] for scope in stated.values()}))
