"""Writing a face set."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.json_files import read_json
from unseen.data import set_writer
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.set_writer import write_set
from unseen.data.shards import open_set

from .made_up import crop, row, stored, write


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_writer, "ROWS_PER_SHARD", 5)
    hashes = []
    for folder in (tmp_path / "one", tmp_path / "deep/two"):
        write_set(folder, "orl", "train", 0, [Dropped("x.jpg", "empty"), *map(row, range(12))])
        hashes.append({file.name: sha256_of(file) for file in folder.iterdir()})
    assert hashes[0] == hashes[1]
    assert sorted(hashes[0]) == [
        "dropped.csv",
        "index.parquet",
        "part-00000.parquet",
        "part-00001.parquet",
        "part-00002.parquet",
        "set.json",
    ]


@pytest.mark.parametrize("rows_per_shard", [1, 5, 6, 18, 100])
def test_the_order_is_kept_over_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_shard: int) -> None:
    monkeypatch.setattr(set_writer, "ROWS_PER_SHARD", rows_per_shard)
    write(tmp_path / "set")
    parts = sorted((tmp_path / "set").glob("part-*.parquet"))
    assert [pq.read_metadata(part).num_rows for part in parts[:-1]] == [rows_per_shard] * (len(parts) - 1)
    assert len(parts) == -(-18 // rows_per_shard)
    ids = [record["id"] for record in stored(open_set(tmp_path / "set"), ["id"])]
    assert ids == [f"orl/{row(number).path}" for number in range(18)]
    assert pq.read_table(tmp_path / "set/index.parquet")["id"].to_pylist() == ids


def test_the_index_has_no_bytes(tmp_path: Path) -> None:
    write(tmp_path / "set")
    index = pq.read_table(tmp_path / "set/index.parquet")
    assert index.column_names == [name for name in SCHEMA.names if name != "image"]
    assert not any(pa.types.is_binary(column.type) or pa.types.is_struct(column.type) for column in index.schema)


EXAMPLES = {"empty": "e.jpg", "no_face": 'a, b.jpg: no "face"', "system_file": "._e.jpg"}


def test_counts(tmp_path: Path) -> None:
    def items() -> Iterator[FaceRow | Dropped]:
        yield row(0, notes=("turned", "several_faces"))
        yield row(1, notes=("several_faces",))
        yield from map(row, range(2, 12))
        yield Dropped("a, b.jpg", "no_face", 'no "face"')
        yield Dropped("c\nd.jpg", "no_face")
        yield Dropped("e.jpg", "empty")
        yield Dropped("._e.jpg", "system_file")

    counts = write_set(tmp_path / "set", "orl", "train", 0, items())
    assert counts == {
        "read": 15,
        "kept": 12,
        "dropped": {"empty": 1, "no_face": 2},
        "ignored": {"system_file": 1},
        "splits": {"test": 3, "train": 6, "val": 3},
        "identities": {"test": 1, "train": 2, "val": 1},
        "notes": {"several_faces": 2, "turned": 1},
    }
    card = {"name": "orl", "use": "train", "label": 0, "side": 8, "counts": counts, "examples": EXAMPLES}
    assert read_json(tmp_path / "set/set.json") == card
    assert (tmp_path / "set/dropped.csv").read_text() == (
        'path,reason,detail\n"a, b.jpg",no_face,"no ""face"""\n'
        "c\\nd.jpg,no_face,\ne.jpg,empty,\n._e.jpg,system_file,\n"
    )


def test_a_set_without_faces_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`orl`.*2 pictures.*empty"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, [Dropped("a", "empty"), Dropped("b", "damaged")])
    heic = [Dropped(f"{i}.heic", "unsupported_format", "HEIC needs pillow-heif") for i in range(2)]
    with pytest.raises(UserError, match=r"'unsupported_format': 2}, such as 0\.heic: HEIC needs pillow-heif"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, [Dropped("a", "empty"), *heic])
    with pytest.raises(UserError, match=r"`orl`.*no pictures"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, [])
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_set_that_fails_keeps_the_old_one(tmp_path: Path) -> None:
    def items() -> Iterator[FaceRow]:
        yield row(0)
        raise RuntimeError("the power is gone")

    write(tmp_path / "sets/orl")
    before = {file.name: sha256_of(file) for file in (tmp_path / "sets/orl").iterdir()}
    with pytest.raises(RuntimeError, match="power"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, items())
    assert {file.name: sha256_of(file) for file in (tmp_path / "sets/orl").iterdir()} == before
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["orl"]


@pytest.mark.parametrize("jpeg", [crop(0, 16), b"no picture"])
def test_a_set_holds_squares_of_one_side(tmp_path: Path, jpeg: bytes) -> None:
    with pytest.raises(UserError, match=r"`orl`: its crops are not squares of equal side"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, [row(0), row(1, jpeg=jpeg)])
    assert list((tmp_path / "sets").iterdir()) == []


def test_the_card_of_crops_of_one_side_is_what_it_was(tmp_path: Path) -> None:
    write(tmp_path / "set")
    assert set(read_json(tmp_path / "set/set.json")) == {"name", "use", "label", "side", "counts", "examples"}
