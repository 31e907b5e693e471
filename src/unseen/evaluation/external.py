"""Reads external predictions from CSV or Parquet, and checks every row."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.special import expit

from unseen.core.csv_text import rows_named
from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.core.tables import DataTable, canonical_text, read_table
from unseen.evaluation.people import own_person
from unseen.evaluation.scored import NO_SEED

WORDS, NUMBERS, TRUTHS = {"real": 0, "fake": 1}, {"0": 0, "1": 1}, {"false": 0, "true": 1}
"""Accepted spellings of a label."""

TEXT = ("generator", "source", "identity", "sha256", "set")
STANDARD = {"id", "path", "label", "score", "logit", "seed", "attributes", *TEXT}


class BadPredictions(UserError):
    """A file of predictions is not valid; `problems` has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _rows(bad: npt.NDArray[np.bool_], values: Sequence[object] = ()) -> str:
    """The numbers of the bad rows, and the first non-empty value in them."""
    example = next((f" ({str(value)!r})" for value in compress(values, bad) if str(value)), "")
    return rows_named([int(row) + 1 for row in bad.nonzero()[0]]) + example


def _numbers(table: DataTable, column: str, problems: list[str]) -> npt.NDArray[np.float64]:
    values = table.numbers(column)
    bad = ~np.isfinite(values)
    if bad.any():
        problems.append(f"`{column}` is not a finite number in {_rows(bad, table.text(column))}")
    return values


def _labels(table: DataTable, column: str, problems: list[str]) -> npt.NDArray[np.int64]:
    """The labels, 0 real and 1 fake. True means 1, but is refused beside words, where it may mean a real face."""
    texts = [text.lower() for text in table.text(column)]
    kinds = [kind for kind in (WORDS, NUMBERS, TRUTHS) if not kind.keys().isdisjoint(texts)]
    if WORDS in kinds and TRUTHS in kinds:
        problems.append(f"`{column}` mixes real/fake with True/False: use 0 (real) and 1 (fake)")
    found = [{**WORDS, **NUMBERS, **TRUTHS}.get(text) for text in texts]
    bad = np.array([label is None for label in found], bool)
    if bad.any():
        problems.append(f"`{column}` is not 0, 1, real or fake in {_rows(bad, texts)}")
    return np.array([label or 0 for label in found], np.int64)


def _seeds(table: DataTable, column: str | None, problems: list[str]) -> npt.NDArray[np.int64]:
    """The training seeds, NO_SEED without a column."""
    if column is None:
        return np.full(len(table), NO_SEED, np.int64)
    values = table.numbers(column)
    bad = ~(np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53))
    if bad.any():
        problems.append(f"`{column}` is not an integer in {_rows(bad, table.text(column))}")
    return np.where(bad, NO_SEED, values).astype(np.int64)


_value = lru_cache(canonical_text)


def _mapped(pairs: Any) -> dict[str, str]:
    """One row's attributes as a dictionary. Parquet stores them as a map, a list of pairs, or a struct."""
    items = pairs.items() if isinstance(pairs, dict) else pairs or []
    return {str(key): "" if value is None else _value(str(value)) for key, value in items}


def _attributes(table: DataTable, groups: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Each row's attributes as pairs, from the column `attributes`, a map, and from the columns named in `groups`."""
    column = table.columns.get("attributes", pa.nulls(len(table)))
    try:
        found = [_mapped(pairs) for pairs in column.to_pylist()] if pa.types.is_nested(column.type) else []
    except (TypeError, ValueError):
        raise BadPredictions([f"{table.where}: `attributes` is of type {column.type}; a map is needed"]) from None
    found = found or [{} for _ in range(len(table))]
    for name in groups:
        if name in table.columns:
            for row, value in zip(found, table.text(name), strict=True):
                row[name] = value
    return [list(row.items()) for row in found]


def _own_columns(table: DataTable) -> list[str]:
    """The names of all columns but those that pandas stores for an index."""
    return [name for name in table.names if not name.startswith("__index_level_")]


def _required(table: DataTable) -> tuple[str, str]:
    """The names of the columns with ids and with labels.

    Raises:
        BadPredictions: a column is missing, or the table has no rows.
    """
    name, label = table.find("id") or table.find("path"), table.find("label")
    problems = []
    if name is None:
        problems.append("has no column `id` or `path`")
    if label is None:
        problems.append("has no column `label`")
    if not table.find("score") and not table.find("logit"):
        problems.append("has no column `score` or `logit`")
    if problems:
        shown = _own_columns(table)
        problems[-1] += f" (its columns: {', '.join(shown) or 'none'})"
        if name is None and len(shown) < len(table.names):
            problems[-1] += "; a pandas index without a name is not read"
    if not len(table):
        problems.append("has no rows")
    if problems or name is None or label is None:
        raise BadPredictions([f"{table.where}: {problem}" for problem in problems])
    return name, label


def read_external(path: Path, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Read external predictions.

    Args:
        path: a CSV or Parquet file. Required columns: `id` or `path`; `label`, which is 0, real or False, or 1, fake
            or True; `score` in [0, 1], `logit`, or both. Optional columns: `seed`, the training seed; `generator`,
            `source`, `identity`, `set`, `sha256`. Case does not matter. Other columns and a pandas index are ignored.
        groups: columns with attributes of the faces, for rates by group; the file may lack them.

    Returns:
        One row per face and training seed, sorted by both, with columns id, label, seed, score, generator, source,
        identity, sha256, set; logit if the file has it; attributes if `groups` are given. Text columns follow the
        rule of `unseen.core.tables.canonical`. Each face without an identity is treated as a person.

    Raises:
        BadPredictions: columns are missing, or ids, labels, scores or logits are not valid. The message has their
            row numbers.
    """
    table = read_table(path, lambda name: name.casefold() in STANDARD or name in groups)
    name, label = _required(table)
    problems: list[str] = []
    frame = pd.DataFrame({"id": pd.Series(table.text(name), dtype=object)})
    frame["label"] = _labels(table, label, problems)
    seed = table.find("seed")
    frame["seed"] = _seeds(table, seed, problems)
    empty, twice = (frame["id"] == "").to_numpy(), frame.duplicated(["id", "seed"], keep=False).to_numpy()
    if empty.any():
        problems.append(f"`{name}` is empty in {_rows(empty)}")
    if (twice & ~empty).any():
        within = f" within one `{seed}`" if seed else ""
        problems.append(f"`{name}` is not unique{within} in {_rows(twice & ~empty, frame['id'].tolist())}")
    score, logit = table.find("score"), table.find("logit")
    if logit:
        frame["logit"] = _numbers(table, logit, problems)
    if score:
        frame["score"] = scores = _numbers(table, score, problems)
        outside = np.isfinite(scores) & ((scores < 0) | (scores > 1))
        if outside.any():
            problems.append(f"`{score}` is outside 0 to 1 in {_rows(outside)}; name a column of logits `logit`")
    else:
        frame["score"] = expit(frame["logit"])
    if problems:
        raise BadPredictions([f"{path}: {problem}" for problem in problems])
    for column in TEXT:
        found = table.find(column)
        frame[column] = pd.Series(table.text(found) if found else [""] * len(frame), dtype=object)
    frame["sha256"] = frame["sha256"].str.lower()
    if groups:
        frame["attributes"] = pd.Series(_attributes(table, groups), dtype=object)
    frame["identity"] = frame["identity"].where(frame["identity"] != "", own_person(frame["id"]))
    frame = frame.sort_values(["id", "seed"], ignore_index=True)  # resamples must not depend on the order of rows
    frame.attrs["columns"] = _own_columns(table)
    return frame


def _no_attribute(name: str, is_column: bool, others: Sequence[str]) -> str:
    """The problem of an attribute that no face has, also where there is a column for it."""
    said = f"the column `{name}` is empty in every row" if is_column else f"no face has the attribute `{name}`"
    return f"{said}; {did_you_mean(name, others)}"


def read_all(paths: list[Path], groups: Sequence[str] = ()) -> pd.DataFrame:
    """Read several files into one table, sorted by id and training seed; it has `logit` if all files have it.

    Raises:
        BadPredictions: the problems of all files; or an id of one training seed is in two files; or no face has an
            attribute of `groups`.
    """
    frames, problems, columns = [], [], set[str]()
    for path in paths:
        try:
            frames.append(frame := read_external(path, groups).assign(file=str(path)))
            columns |= set(frame.attrs["columns"])
        except BadPredictions as error:
            problems += error.problems
    if problems:
        raise BadPredictions(problems)
    found = pd.concat(frames, ignore_index=True, join="inner").sort_values(["id", "seed"], ignore_index=True)
    twice = found[found.duplicated(["id", "seed"], keep=False)]
    if len(twice):
        files = sorted(set(twice["file"]))
        first = twice["id"].iloc[0]
        raise BadPredictions(
            [f"{twice['id'].nunique()} ids are in more than one of {', '.join(files)}, for instance {first!r}"]
        )
    known = {key for pairs in found["attributes"] for key, value in pairs if value} if groups else set()
    if missing := [name for name in groups if name not in known]:
        others = sorted((known | columns - STANDARD) - set(missing))
        raise BadPredictions([_no_attribute(name, name in columns, others) for name in missing])
    return found.drop(columns="file")
