"""How far two versions of a stage's outputs differ. For `two_machines.py`."""

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import safetensors.numpy


def _leaves(value: Any) -> Iterator[Any]:
    """The numbers and texts of nested mappings and lists, in order."""
    if isinstance(value, dict):
        for name in value:
            yield name
            yield from _leaves(value[name])
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _number(text: Any) -> Any:
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def _content(file: Path) -> list[Any]:
    """A file as numbers, texts and arrays, in order."""
    if file.suffix == ".safetensors":
        found = safetensors.numpy.load_file(file)
        return [one for name in sorted(found) for one in (name, found[name].astype(np.float64))]
    if file.suffix == ".json":
        return list(_leaves(json.loads(file.read_text(encoding="utf-8"))))
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as handle:
            return [_number(value) for row in csv.reader(handle) for value in row]
    if file.suffix == ".parquet":
        return list(_leaves(pq.read_table(file).to_pylist()))
    return [file.read_bytes()]


def _apart(one: Any, other: Any) -> float:
    """The difference relative to the largest number; infinite between other things, but for hashes of other files."""
    if all(isinstance(value, str) and re.fullmatch("[0-9a-f]{32,64}", value) for value in (one, other)):
        return 0.0
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.shape == other.shape:
        return float(np.abs(one - other).max(initial=0) / max(np.abs(one).max(initial=0), 1e-30))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        return abs(one - other) / max(abs(one), abs(other))
    return 0.0 if type(one) is type(other) and not isinstance(one, np.ndarray) and one == other else math.inf


def differences(first: Path, second: Path) -> list[tuple[str, float]]:
    """The files of two folders with the largest relative difference of their numbers.

    A difference is 0 only if the bytes are the same. It is infinite if a file is missing or something other than a
    number differs. An array is compared with its largest number.
    """
    found = []
    names = {file.relative_to(folder) for folder in (first, second) for file in folder.rglob("*") if file.is_file()}
    for name in sorted(names):
        one, other = first / name, second / name
        if not (one.is_file() and other.is_file()):
            found.append((name.as_posix(), math.inf))
        elif one.read_bytes() == other.read_bytes():
            found.append((name.as_posix(), 0.0))
        else:
            values = _content(one), _content(other)
            same = len(values[0]) == len(values[1])
            apart = max(map(_apart, *values), default=0.0) if same else math.inf
            found.append((name.as_posix(), max(apart, 1e-30)))
    return found
