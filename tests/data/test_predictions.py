"""Anybody may bring predictions: those that can't be measured are refused in one line that names the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.made_up import bell, columns
from unseen.core.errors import UserError
from unseen.data.predictions import SCHEMA, read_predictions, write_predictions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Predictions on 30 fakes."""
    write_predictions(tmp_path / "gan.parquet", [columns(1, bell(2, 30, 2), None, "gan")])
    return tmp_path / "gan.parquet"


def refusal(file: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_predictions(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_batches_become_one_table_in_their_order(tmp_path: Path) -> None:
    batches = [columns(0, [1.0, 2.0], None, "first"), columns(0, [3.0], None, "second")]
    assert write_predictions(tmp_path / "set.parquet", iter(batches)) == 3
    found = read_predictions(tmp_path / "set.parquet")
    assert found["id"].tolist() == ["first/0", "first/1", "second/0"]
    assert found["logit"].tolist() == [1.0, 2.0, 3.0]


def test_columns_in_another_order_or_too_many_are_no_matter(file: Path) -> None:
    before = read_predictions(file)
    table = pq.read_table(file)
    mixed = table.select(table.column_names[::-1]).append_column("note", pa.array(["mine"] * 30))
    pq.write_table(mixed, file)
    assert read_predictions(file).to_dict("records") == before.to_dict("records")


@pytest.mark.parametrize("column", ["logit", "score", "identity", "seed"])
def test_predictions_without_a_column_are_refused(file: Path, column: str) -> None:
    pq.write_table(pq.read_table(file).drop_columns([column]), file)
    assert f"has no column {column}" in refusal(file)


def test_predictions_with_words_for_numbers_are_refused(file: Path) -> None:
    table = pq.read_table(file).drop_columns(["logit"]).append_column("logit", pa.array(["high"] * 30))
    pq.write_table(table, file)
    assert "has the wrong type" in refusal(file)


@pytest.mark.parametrize("column", ["logit", "score"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_not_numbers_are_refused(file: Path, column: str, value: float) -> None:
    batch: dict[str, Any] = columns(1, [1.0, 2.0, 3.0])
    write_predictions(file, [{**batch, column: [0.5, value, value]}])
    assert f"{column} is not a number in row 1 (2 such rows)" in refusal(file)


@pytest.mark.parametrize("column", ["id", "identity", "label", "seed"])
def test_predictions_without_a_value_are_refused(file: Path, column: str) -> None:
    batch: dict[str, Any] = columns(1, [1.0, 2.0, 3.0])
    write_predictions(file, [{**batch, column: [batch[column][0], None, batch[column][2]]}])
    assert f"{column} is missing in row 1 (1 such rows)" in refusal(file)


def test_an_id_that_is_there_twice_is_refused(file: Path) -> None:
    batch: dict[str, Any] = columns(1, [1.0, 2.0, 3.0])
    write_predictions(file, [{**batch, "id": ["a", "b", "a"]}])
    assert "id 'a' is not unique in seed 4" in refusal(file)


def test_each_training_seed_has_a_row_of_a_face(file: Path) -> None:
    batch: dict[str, Any] = columns(1, [1.0, 2.0, 3.0])
    write_predictions(file, [batch, {**batch, "seed": [5] * 3}])
    found = read_predictions(file)
    assert list(zip(found["id"], found["seed"], strict=True)) == [(f"set/{i}", s) for s in (4, 5) for i in range(3)]
    write_predictions(file, [batch, {**batch, "seed": [5] * 3}, {**batch, "seed": [5] * 3}])
    assert "id 'set/0' is not unique in seed 5" in refusal(file)


@pytest.mark.parametrize("index", [[5, 3, 9], list("abc"), [0, 0, 0]])
def test_the_index_that_pandas_stored_means_nothing(file: Path, index: list[Any]) -> None:
    write_predictions(file, [columns(1, [1.0, 2.0, 3.0])])
    before, table = read_predictions(file), pq.read_table(file)
    for frame in (before.set_axis(index), before.set_index("id"), before.assign(id=before["id"].astype("category"))):
        stored = pa.Table.from_pandas(frame.drop(columns="attributes"))
        pq.write_table(stored.append_column("attributes", table["attributes"].combine_chunks()), file)
        assert read_predictions(file).to_dict("records") == before.to_dict("records")


def test_predictions_without_a_row_are_refused(file: Path) -> None:
    pq.write_table(pa.Table.from_pylist([], SCHEMA), file)
    assert "has no rows" in refusal(file)


def test_a_file_that_is_no_parquet_is_refused(file: Path) -> None:
    file.write_text("id,logit\n")
    assert "not a Parquet file" in refusal(file)


def test_a_damaged_parquet_file_is_refused(file: Path) -> None:
    data = file.read_bytes()
    for damaged in (data[:-200], data[:-100] + b"\xff" * 92 + data[-8:], data.replace(b"identity", b"identit\xff")):
        file.write_bytes(damaged)
        assert "not a Parquet file" in refusal(file)


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    assert "no predictions; run `dvc repro`" in refusal(tmp_path / "gan.parquet")
