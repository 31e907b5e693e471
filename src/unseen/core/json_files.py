"""JSON files: equal values give equal bytes."""

import json
from pathlib import Path
from typing import Any

from unseen.core.files import atomic_file


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys: equal values give equal bytes."""
    with atomic_file(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same data with floats rounded to six decimals, to remove noise in the last bits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    # adding 0.0 turns -0.0 into 0.0
    return round(value, 6) + 0.0 if isinstance(value, float) else value


def write_metrics(path: Path, value: Any) -> None:
    """Write metrics as JSON, with floats rounded to six decimals."""
    write_json(path, rounded(value))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it is not JSON in UTF-8, or is nested too deeply.
        OSError: it can't be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
