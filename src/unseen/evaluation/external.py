"""External predictions, as CSV or Parquet: read, checked row by row, and measured."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unseen.errors import UserError
from unseen.evaluation.metrics import both_metrics
from unseen.evaluation.shares import flagged_by
from unseen.settings import nearest

NAMED = 5
"""Rows that a message names; of more it says how many there are."""

LABELS = {"0": 0, "1": 1, "real": 0, "fake": 1, "0.0": 0, "1.0": 1}
UNSAID = "(not said)"
STANDARD = {"id", "path", "label", "score", "logit", "generator", "source", "identity", "set", "sha256", "attributes"}


class BadPredictions(UserError):
    """All that is wrong with a file of predictions, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _rows(bad: npt.NDArray[np.bool_]) -> str:
    """`row 3`, or `rows 3, 8 and 12 more`: counted from 1, the heading not counted."""
    found = [str(i + 1) for i in bad.nonzero()[0]]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"row{'s' if len(found) > 1 else ''} {', '.join(found[:NAMED])}{more}"


def _table(path: Path) -> pd.DataFrame:
    """The file with its columns as they are; of a CSV all as text."""
    try:
        if path.suffix.lower() != ".csv":
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
            return frame
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False)
        heading = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(f"{path}: not there") from None
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror or error}") from None
    except (pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: neither CSV (by its name) nor Parquet: {error}") from None
    except pd.errors.ParserWarning:
        raise UserError(f"{path}: its rows have more fields than its heading") from None
    names = heading.iloc[0].tolist()
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise UserError(f"{path}: has more than one column `{twice[0]}`")
    return table


def _numbers(table: pd.DataFrame, column: str, problems: list[str]) -> npt.NDArray[np.float64]:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        problems.append(f"`{column}` is not a finite number in {_rows(bad)}")
    return values


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    return table[column].fillna("").astype(str) if column in table else pd.Series([""] * len(table))


def _labels(table: pd.DataFrame, problems: list[str]) -> npt.NDArray[np.int64]:
    found = table["label"].astype(str).str.strip().str.lower().map(LABELS)
    bad = found.isna().to_numpy()
    if bad.any():
        problems.append(f"`label` is not 0, 1, real or fake in {_rows(bad)}")
    return np.asarray(found.fillna(0), np.int64)


def _attributes(table: pd.DataFrame, groups: Sequence[str]) -> pd.Series:
    """Of each row, as pairs, what columns of these names say and, as predictions of this project have it, its map of
    attributes."""
    mapped = "attributes" in table and not isinstance(table["attributes"].iloc[0], str)
    found = [dict(pairs or []) for pairs in table["attributes"]] if mapped else [{} for _ in range(len(table))]
    for name in groups:
        if name in table:
            for row, value in zip(found, _text(table, name), strict=True):
                row[name] = value
    return pd.Series([list(row.items()) for row in found], dtype=object)


def read_external(path: Path, groups: Sequence[str] = ()) -> pd.DataFrame:
    """External predictions.

    Args:
        path: a CSV (by its suffix) or Parquet file with columns `id` or `path`; `label`, 0 or real and 1 or fake;
            `score` in [0, 1], `logit`, or both; and, where there are any, `generator`, `source`, `identity`, `set`,
            `sha256`. Other columns are let be.
        groups: columns with attributes of the faces, for rates by group; a file need not have them.

    Returns:
        Columns id, label, score, generator, source, identity, sha256, set; logit where the file has it; attributes
        where groups are named. A face without an identity is a person of its own.

    Raises:
        BadPredictions: columns are missing; or ids, labels, scores or logits are bad, with the numbers of their rows.
    """
    table = _table(path)
    problems = []
    name = next((column for column in ("id", "path") if column in table), None)
    if name is None:
        problems.append("has no column `id` or `path`")
    if "label" not in table:
        problems.append("has no column `label`")
    if "score" not in table and "logit" not in table:
        problems.append("has no column `score` or `logit`")
    if not len(table):
        problems.append("holds no row")
    if problems or name is None:
        raise BadPredictions([f"{path}: {problem}" for problem in problems])
    frame = pd.DataFrame({"id": _text(table, name), "label": _labels(table, problems)})
    frame.attrs["columns"] = list(table.columns)
    empty, twice = (frame["id"] == "").to_numpy(), frame["id"].duplicated(keep=False).to_numpy()
    if empty.any():
        problems.append(f"`{name}` is empty in {_rows(empty)}")
    if (twice & ~empty).any():
        problems.append(f"`{name}` is there more than once in {_rows(twice & ~empty)}")
    if "logit" in table:
        frame["logit"] = _numbers(table, "logit", problems)
    if "score" in table:
        frame["score"] = scores = _numbers(table, "score", problems)
        outside = np.isfinite(scores) & ((scores < 0) | (scores > 1))
        if outside.any():
            problems.append(f"`score` is outside 0 to 1 in {_rows(outside)}; name the column `logit` if it is one")
    else:
        frame["score"] = (1 + np.tanh(frame["logit"] / 2)) / 2
    if problems:
        raise BadPredictions([f"{path}: {problem}" for problem in problems])
    for column in ("generator", "source", "identity", "sha256", "set"):
        frame[column] = _text(table, column)
    if groups:
        frame["attributes"] = _attributes(table, groups)
    own = frame["identity"] == ""
    frame.loc[own, "identity"] = "\x1f" + frame.loc[own, "id"]  # no person is called so
    return frame


def read_all(paths: list[Path], groups: Sequence[str] = ()) -> pd.DataFrame:
    """Several files as one table; `logit` only where all have it.

    Raises:
        BadPredictions: the problems of all files; or an id is in two of them, or no face is in any of the groups.
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
    found = pd.concat(frames, ignore_index=True, join="inner")
    twice = found[found["id"].duplicated(keep=False)]
    if len(twice):
        files = sorted(set(twice["file"]))
        first = twice["id"].iloc[0]
        raise BadPredictions(
            [f"{twice['id'].nunique()} ids are in more than one of {', '.join(files)}, for instance {first!r}"]
        )
    known = {key for pairs in found["attributes"] for key, value in pairs if value} if groups else set()
    if missing := [name for name in groups if name not in known]:
        others = sorted(known | columns - STANDARD)
        raise BadPredictions([f"no face has a `{name}` to group by; {nearest(name, others)}" for name in missing])
    return found.drop(columns="file")


def external_metrics(
    predictions: pd.DataFrame, threshold: float, resamples: int, seed: int, groups: Sequence[str] = ()
) -> dict[str, Any]:
    """The metrics of a pair, of all reals against all fakes, with the shares of each generator and each source; and
    `groups`, the rates of groups, where attributes are named.

    Raises:
        UserError: a class is missing, or no face has one of the attributes.
    """
    reals, fakes = (predictions[predictions["label"] == label] for label in (0, 1))
    if not len(reals) or not len(fakes):
        raise UserError(f"{len(reals)} real and {len(fakes)} fake faces: both classes are needed; give files of both")
    by: dict[str, Any] = {}
    if groups:
        from unseen.evaluation.groups import by_group  # fairlearn takes a second to import

        by = {"groups": by_group(predictions, threshold, groups)}
    return {
        "n": {"reals": len(reals), "fakes": len(fakes), "people": int(predictions["identity"].nunique())},
        "threshold": threshold,
        **both_metrics(predictions, threshold, resamples, seed, {}),
        "generators": flagged_by(fakes.replace({"generator": {"": UNSAID}}), "generator", threshold),
        "sources": flagged_by(reals.replace({"source": {"": UNSAID}}), "source", threshold),
        **by,
    }
