"""External predictions, as CSV or Parquet: read, checked row by row, and measured."""

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
from unseen.core.settings import nearest
from unseen.core.tables import Table, canonical_text, read_table
from unseen.data.identities import people_of
from unseen.evaluation.metrics import both_metrics
from unseen.evaluation.people import one_person_by_faces, own_person
from unseen.evaluation.sanity import of_people, of_scores
from unseen.evaluation.shares import rates_above

WORDS, NUMBERS, TRUTHS = {"real": 0, "fake": 1}, {"0": 0, "1": 1}, {"false": 0, "true": 1}
"""The ways to write a label."""

UNSAID = "(not said)"
TEXT = ("generator", "source", "identity", "sha256", "set")
STANDARD = {"id", "path", "label", "score", "logit", "attributes", *TEXT}


class BadPredictions(UserError):
    """All that is wrong with a file of predictions, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _rows(bad: npt.NDArray[np.bool_], values: Sequence[object] = ()) -> str:
    """Which rows, and the first value of one that has some."""
    example = next((f" ({str(value)!r})" for value in compress(values, bad) if str(value)), "")
    return rows_named([int(row) + 1 for row in bad.nonzero()[0]]) + example


def _numbers(table: Table, column: str, problems: list[str]) -> npt.NDArray[np.float64]:
    values = table.numbers(column)
    bad = ~np.isfinite(values)
    if bad.any():
        problems.append(f"`{column}` is not a finite number in {_rows(bad, table.text(column))}")
    return values


def _labels(table: Table, column: str, problems: list[str]) -> npt.NDArray[np.int64]:
    """0 real, 1 fake. True is 1, unless words are among the labels: then it may mean a true picture."""
    texts = [text.lower() for text in table.text(column)]
    kinds = [kind for kind in (WORDS, NUMBERS, TRUTHS) if not kind.keys().isdisjoint(texts)]
    if WORDS in kinds and TRUTHS in kinds:
        problems.append(f"`{column}` mixes real and fake with True and False: write 0 (real) and 1 (fake)")
    found = [{**WORDS, **NUMBERS, **TRUTHS}.get(text) for text in texts]
    bad = np.array([label is None for label in found], bool)
    if bad.any():
        problems.append(f"`{column}` is not 0, 1, real or fake in {_rows(bad, texts)}")
    return np.array([label or 0 for label in found], np.int64)


_value = lru_cache(canonical_text)


def _mapped(pairs: Any) -> dict[str, str]:
    """Attributes as Parquet has them: pairs of a map, a list of such pairs, or a struct."""
    items = pairs.items() if isinstance(pairs, dict) else pairs or []
    return {str(key): "" if value is None else _value(str(value)) for key, value in items}


def _attributes(table: Table, groups: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Of each row, as pairs, what columns of these names say and, as predictions of this project have it, its map of
    attributes."""
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


def _own_columns(table: Table) -> list[str]:
    """The names of the columns without those that pandas gives to an index."""
    return [name for name in table.names if not name.startswith("__index_level_")]


def _required(table: Table) -> tuple[str, str]:
    """The names of the columns with ids and with labels.

    Raises:
        BadPredictions: one is missing, or there is no row.
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
            problems[-1] += "; an index that pandas stored without a name is not read"
    if not len(table):
        problems.append("holds no row")
    if problems or name is None or label is None:
        raise BadPredictions([f"{table.where}: {problem}" for problem in problems])
    return name, label


def read_external(path: Path, groups: Sequence[str] = ()) -> pd.DataFrame:
    """External predictions.

    Args:
        path: a CSV or Parquet file with columns `id` or `path`; `label`, 0 or real or False and 1 or fake or True;
            `score` in [0, 1], `logit`, or both; and, where there are any, `generator`, `source`, `identity`, `set`,
            `sha256`. The case of these names does not matter. Other columns are ignored, and so is a pandas index.
        groups: columns with attributes of the faces, for rates by group; a file need not have them.

    Returns:
        A row a face, in the order of the ids, with columns id, label, score, generator, source, identity, sha256,
        set; logit where the file has it; attributes where groups are named. Ids, identities and the like are text, by
        the rule of `unseen.core.tables.canonical`. A face without an identity is a person of its own.

    Raises:
        BadPredictions: columns are missing; or ids, labels, scores or logits are bad, with the numbers of their rows.
    """
    table = read_table(path, lambda name: name.casefold() in STANDARD or name in groups)
    name, label = _required(table)
    problems: list[str] = []
    frame = pd.DataFrame({"id": pd.Series(table.text(name), dtype=object)})
    frame["label"] = _labels(table, label, problems)
    empty, twice = (frame["id"] == "").to_numpy(), frame["id"].duplicated(keep=False).to_numpy()
    if empty.any():
        problems.append(f"`{name}` is empty in {_rows(empty)}")
    if (twice & ~empty).any():
        problems.append(f"`{name}` is there more than once in {_rows(twice & ~empty, frame['id'].tolist())}")
    score, logit = table.find("score"), table.find("logit")
    if logit:
        frame["logit"] = _numbers(table, logit, problems)
    if score:
        frame["score"] = scores = _numbers(table, score, problems)
        outside = np.isfinite(scores) & ((scores < 0) | (scores > 1))
        if outside.any():
            problems.append(f"`{score}` is outside 0 to 1 in {_rows(outside)}; name the column `logit` if it is one")
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
    frame = frame.sort_values("id", ignore_index=True)  # else a resample would hang on the order of a file's rows
    frame.attrs["columns"] = _own_columns(table)
    return frame


def read_all(paths: list[Path], groups: Sequence[str] = ()) -> pd.DataFrame:
    """Several files as one table, in the order of the ids; `logit` only where all have it.

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
    found = pd.concat(frames, ignore_index=True, join="inner").sort_values("id", ignore_index=True)
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
    """The metrics of a pair, of all reals against all fakes, with the shares of each generator and each source;
    `groups`, the rates of groups, where attributes are named; and `warnings`, signs that the predictions do not mean
    what they seem to, a sentence each.

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
    found = both_metrics(one_person_by_faces(predictions), threshold, resamples, seed, {})
    return {
        "n": {
            "reals": len(reals),
            "fakes": len(fakes),
            **people_of(zip(predictions["id"], predictions["identity"], strict=True)),
        },
        "threshold": threshold,
        **found,
        "generators": rates_above(fakes.replace({"generator": {"": UNSAID}}), "generator", threshold),
        "sources": rates_above(reals.replace({"source": {"": UNSAID}}), "source", threshold),
        **by,
        "warnings": of_people(predictions) + of_scores(predictions, found["auc"]),
    }
