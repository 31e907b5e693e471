"""The one reader of tables: values by their text, whatever type a file gave them."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.core.errors import UserError
from unseen.core.tables import canonical, canonical_text, read_table, table_of


def test_column_names_of_two_levels(tmp_path: Path) -> None:
    frame = pd.DataFrame([["a", 0]], columns=pd.MultiIndex.from_tuples([("mine", "id"), ("mine", "label")]))
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError) as caught:
        read_table(tmp_path / "a.parquet")
    assert str(caught.value) == (
        f"{tmp_path / 'a.parquet'}: its column names have 2 levels; join them before it is written, for instance "
        "`table.columns = table.columns.map('_'.join)`"
    )
    frame.columns = frame.columns.map("_".join)
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").names == ["mine_id", "mine_label"]


@pytest.mark.parametrize("metadata", ["", "{", "[]", "3", "{}", '{"column_indexes": null}', '{"column_indexes": []}'])
def test_metadata_of_pandas_that_is_none(tmp_path: Path, metadata: str) -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"pandas": metadata})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").text("a") == ["1"]


def test_rows_are_counted_where_no_column_is_read(tmp_path: Path) -> None:
    assert len(read_table(stored(tmp_path, a=[1, 2, 3]), lambda name: False)) == 3
    assert len(read_table(stored(tmp_path, a=[1, 2, 3]))) == 3


def stored(folder: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "mine.parquet")
    return folder / "mine.parquet"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([7, -1], pa.int8()), ["7", "-1"]),
        (pa.array([7.0, None, float("nan"), 7.5, 1e15]), ["7", "", "", "7.5", "1000000000000000"]),
        (pa.array(np.array([7, 0.1], np.float32)), ["7", "0.1"]),
        (pa.array(np.array([7, 0.1], np.float16)), ["7", "0.1"]),
        (pa.array([True, None, False]), ["True", "", "False"]),
        (pa.array(["7", "7.0", "7.00", "007", "07.0"]), ["7", "7", "7", "007", "07.0"]),
        (pa.array(["7.5", "1e5", "v7.0"]), ["7.5", "1e5", "v7.0"]),
        (pa.array(["nan", "None", "<NA>", "NA", "null"]), ["", "", "", "NA", "null"]),
        (pa.array([" a\t", "a\r", "a b", "a\u0308"], pa.large_string()), ["a", "a\r", "a b", "ä"]),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["b", "", "a"]),
        (pa.array([7, 8, 7]).dictionary_encode(), ["7", "8", "7"]),
        (pa.array([Decimal("7.00"), Decimal("7.50")]), ["7", "7.50"]),
        (pa.nulls(2), ["", ""]),
    ],
)  # fmt: skip
def test_canonical_text(values: pa.Array, expected: list[str]) -> None:
    assert canonical(values).to_pylist() == expected


def test_canonical_text_of_one() -> None:
    assert [canonical_text(text) for text in ("7.0", "007", "")] == ["7", "007", ""]


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet", "mine.txt"])
def test_numbers(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(
        {"a": [0.1, None, 1e-30], "b": [1, 2, 3], "c": ["0.5", "1_0", "x"], "d": [True, False, True]}
    )
    if name.endswith("csv"):
        frame.to_csv(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(frame.to_parquet())
    table = read_table(tmp_path / name)
    assert len(table) == 3
    assert table.numbers("a").tolist() == pytest.approx([0.1, np.nan, 1e-30], nan_ok=True, abs=0)
    assert table.numbers("b").tolist() == [1, 2, 3]
    assert table.numbers("c").tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)


def test_a_decimal_comma(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;score;label\n1,0;0,25;1,0\na,b;1;0\n")
    table = read_table(tmp_path / "a.csv")
    assert table.numbers("score").tolist() == [0.25, 1]
    assert table.text("id") == ["1", "a,b"]
    assert table.text("label") == ["1", "0"]


def test_numbers_of_float32_are_what_their_text_says(tmp_path: Path) -> None:
    """A score of 0.7 reaches a threshold of 0.7 from a CSV and from a Parquet file."""
    assert read_table(stored(tmp_path, a=pa.array([0.7], pa.float32()))).numbers("a").tolist() == [0.7]


def test_names_in_any_case(tmp_path: Path) -> None:
    table = read_table(stored(tmp_path, Label=[1], ID=[1], Id=[1], id=[1], SET=[1], Set=[2]))
    assert (table.find("label"), table.find("id"), table.find("score")) == ("Label", "id", None)
    with pytest.raises(UserError, match=r"`set` matches the columns SET, Set; rename all but one"):
        table.find("set")


@pytest.mark.parametrize("values", [[b"a"], [["a"]], [{"a": 1}]])
def test_columns_that_are_neither_text_nor_numbers(tmp_path: Path, values: list[Any]) -> None:
    table = read_table(stored(tmp_path, id=values))
    with pytest.raises(UserError, match=r"mine\.parquet: `id` is of type .*; write it as text or numbers$"):
        table.text("id")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PAR1 and then nothing", "damaged Parquet file"),
        (b"PK\x03\x04 and so on", "a zip archive or a spreadsheet; give CSV or Parquet"),
        (b"\x1f\x8b and so on", "packed with gzip"),
        (b"", "empty"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "mine.csv").write_bytes(data)
    with pytest.raises(UserError, match=says) as caught:
        read_table(tmp_path / "mine.csv")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=says):
        table_of("all.csv", data)


PARQUET = pd.DataFrame({"id": ["a", "b"], "label": [0, 1], "score": [0.1, 0.9]}, [3, 1]).to_parquet()


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(), st.text().map(str.encode), st.binary(max_size=60).map(lambda end: b"PAR1" + end)))
def test_any_bytes_are_a_table_or_one_line(data: bytes) -> None:
    with suppress(UserError):
        table = table_of("all.csv", data)
        assert all(len(table.text(name)) == len(table) == len(table.numbers(name)) for name in table.columns)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(4, len(PARQUET) - 1), byte=st.integers(0, 255))
def test_a_damaged_parquet_file_is_one_line(place: int, byte: int) -> None:
    with suppress(UserError):
        table = table_of("all.parquet", PARQUET[:place] + bytes([byte]) + PARQUET[place + 1 :])
        assert all(len(table.text(name)) == len(table) for name in table.columns)


def test_only_some_columns_of_a_parquet_file(tmp_path: Path) -> None:
    table = read_table(stored(tmp_path, id=[1], embedding=[[0.1] * 9]), lambda name: name == "id")
    assert (list(table.columns), table.names) == (["id"], ["id", "embedding"])
