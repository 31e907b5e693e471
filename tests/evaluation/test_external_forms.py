"""One frame, however it is written, gives the same metrics, intervals and comparison."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from unseen.evaluation.compare import compare, join_predictions
from unseen.evaluation.external import read_all, read_external
from unseen.evaluation.external_metrics import external_metrics

N = 24
QUICK = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],  # each form is small already: nothing to shrink
)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def typed(column: str, kind: Any) -> Change:
    return lambda frame: frame.assign(**{column: frame[column].astype(kind)})


def mapped(column: str, values: dict[Any, Any]) -> Change:
    return lambda frame: frame.assign(**{column: frame[column].map(values)})


def same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


IDS = [same, *(typed("id", kind) for kind in ("int32", "float64", "str", "category", "Int64", "object"))]
LABELS = [
    same,
    *(typed("label", kind) for kind in ("bool", "float64", "str", "category", "int8", "boolean")),
    *(mapped("label", {0: zero, 1: one}) for zero, one in (("real", "fake"), ("REAL", "Fake"), ("False", "TRUE"))),
]
IDENTITIES = [same, *(typed("identity", kind) for kind in ("Int64", "str", "category", "object", "string", "Int32"))]
SCORES = [same, typed("score", "str"), typed("score", "object"), typed("score", "category")]
GROUPS = [same, typed("age", "Int64"), typed("age", "str"), typed("age", "float32")]
NAMES = [same, lambda frame: frame.rename(columns=str.upper), lambda frame: frame.rename(columns={"label": "Label"})]
INDEXES: list[Change] = [
    same,
    lambda frame: frame.set_axis(list("zyxwvutsrqponmlkjihgfedc")),
    lambda frame: frame.set_axis([7] * len(frame)),
    lambda frame: frame.set_axis(np.arange(len(frame))[::-1] * 3),
    lambda frame: frame.set_axis(pd.date_range("2020-01-01", periods=len(frame))),
    lambda frame: frame.set_index(frame.columns[0]),
    lambda frame: frame.set_index([frame.columns[1], frame.columns[0]]),
    lambda frame: frame.rename_axis("score of another"),
    lambda frame: pd.concat([frame, frame.iloc[:3]]).iloc[:-3],  # filtered
]


def as_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path)


def as_parquet_without_index(frame: pd.DataFrame, path: Path) -> None:
    frame.reset_index().to_parquet(path, index=False)


def as_csv(frame: pd.DataFrame, path: Path, **options: Any) -> None:
    frame.to_csv(path.with_suffix(".csv"), **options)
    path.with_suffix(".csv").rename(path)


FORMATS: list[Callable[[pd.DataFrame, Path], None]] = [
    as_parquet,
    as_parquet,
    as_parquet_without_index,
    as_csv,
    lambda frame, path: as_csv(frame, path, sep=";", decimal=",", encoding="utf-8-sig"),
    lambda frame, path: as_csv(frame, path, sep="\t", encoding="utf-16"),
    lambda frame, path: as_csv(frame, path, lineterminator="\r\n", quoting=1),
]


def made_up(seed: int, bias: float) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    labels = np.arange(N) % 2
    scores = (1 / (1 + np.exp(-random.normal(bias * labels, 1)))).round(3)
    identities = np.where(np.arange(N) % 5 == 0, np.nan, np.arange(N) // 3 + 7.0)
    ages = np.where(np.arange(N) % 7 == 0, np.nan, 30.0 + np.arange(N) % 2)
    columns = {"id": np.arange(N) * 5, "label": labels, "score": scores, "identity": identities, "age": ages}
    return pd.DataFrame(columns)


def forms() -> st.SearchStrategy[list[Any]]:
    """Changes of a frame, the last of which writes it."""
    types = [st.sampled_from(some) for some in (IDS, LABELS, IDENTITIES, SCORES, GROUPS)]
    order = st.integers(0, 99).map(lambda seed: lambda frame: frame.sample(frac=1, random_state=seed))
    columns = st.integers(0, 99).map(lambda seed: lambda frame: frame.sample(frac=1, axis=1, random_state=seed))
    steps = [*types, order, columns, st.sampled_from(NAMES), st.sampled_from(INDEXES), st.sampled_from(FORMATS)]
    return st.tuples(*steps).map(list)


def written(frame: pd.DataFrame, form: list[Any], path: Path) -> Path:
    *changes, write = form
    for change in changes:
        frame = change(frame)
    write(frame, path.with_suffix(".parquet" if write in (as_parquet, as_parquet_without_index) else ".txt"))
    return path.with_suffix(".parquet" if write in (as_parquet, as_parquet_without_index) else ".txt")


PLAIN = [as_parquet]


def group_of(frame: pd.DataFrame) -> str:
    """The group column as this file writes it: what is asked for is taken by the letter."""
    return "AGE" if "AGE" in frame.attrs["columns"] else "age"


def measured(path: Path) -> dict[str, Any]:
    group = group_of(read_external(path))
    found = external_metrics(read_all([path], [group]), 0.5, 100, 4, [group])
    return {**found, "groups": list(found["groups"].values())}


@settings(QUICK, max_examples=40)
@given(form=forms(), bias=st.sampled_from([0.5, 2.0]))
def test_metrics_and_intervals_hang_on_values_alone(tmp_path: Path, form: list[Any], bias: float) -> None:
    assert measured(written(made_up(3, bias), form, tmp_path / "a")) == plainly_measured(bias, tmp_path / "b")


@cache
def plainly_measured(bias: float, path: Path) -> dict[str, Any]:
    return measured(written(made_up(3, bias), PLAIN, path))


@cache
def plainly_compared(rows: int, folder: Path) -> dict[str, Any]:
    return compared(PLAIN, PLAIN, rows, folder)


def compared(left: list[Any], right: list[Any], rows: int, folder: Path) -> dict[str, Any]:
    """The comparison of two frames on the faces of the first rows."""
    paths = written(made_up(3, 2.0), left, folder / "a"), written(made_up(4, 1.0), right, folder / "b")
    first, second = map(read_external, paths)
    joined = join_predictions(first, second.query(f"id in {[str(5 * i) for i in range(rows)]}"))
    return compare(joined, (0.5, 0.5), 100, 4)


@settings(QUICK, max_examples=20)
@given(first=forms(), second=forms(), rows=st.integers(16, N))
def test_a_comparison_joins_by_the_value_of_the_id(
    tmp_path: Path, first: list[Any], second: list[Any], rows: int
) -> None:
    found = compared(first, second, rows, tmp_path)
    assert found["n"]["reals"] + found["n"]["fakes"] == rows
    assert found == plainly_compared(rows, tmp_path)


def test_the_second_files_people_where_the_first_names_none(tmp_path: Path) -> None:
    a, b = made_up(3, 2.0), made_up(4, 1.0)
    a.to_csv(tmp_path / "a.csv")
    a.drop(columns="identity").to_csv(tmp_path / "nobody.csv")
    b.to_parquet(tmp_path / "b.parquet")
    with_people, without = (
        compare(
            join_predictions(read_external(tmp_path / name), read_external(tmp_path / "b.parquet")),
            (0.5, 0.5),
            100,
            4,
        )
        for name in ("a.csv", "nobody.csv")
    )
    assert with_people == without


@pytest.mark.parametrize("write", FORMATS)
def test_leading_zeros_are_text(tmp_path: Path, write: Callable[[pd.DataFrame, Path], None]) -> None:
    frame = pd.DataFrame({"id": ["007", "7", "7.5", "a"], "label": [0, 1, 0, 1], "score": [0.1, 0.9, 0.2, 0.8]})
    write(frame, tmp_path / "x")
    assert set(read_external(tmp_path / "x")["id"]) == {"007", "7", "7.5", "a"}
