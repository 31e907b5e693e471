import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unseen.core.errors import UserError
from unseen.core.files import read_json, sha256_of, write_json
from unseen.core.settings import Role
from unseen.data import shards
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow, side_of
from unseen.data.shards import (
    FaceSet,
    all_sets,
    check_sides,
    measurable,
    open_set,
    sets_below,
    sets_for_fitting,
    write_set,
)
from unseen.data.splits import Split


@dataclass(frozen=True)
class Wanted:
    """Required sides."""

    side: int
    native: bool = False


SPLITS: tuple[Split, ...] = ("train", "val", "test")


def crop(number: int, side: int = 8) -> bytes:
    """A JPEG file of its own for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(buffer, "JPEG")
    return buffer.getvalue() + bytes([number % 256]) * (number + 1)


def row(number: int, **changed: Any) -> FaceRow:
    """A made-up face; three a person, and every third person in another split."""
    person = number // 3
    face = FaceRow(
        jpeg=crop(number),
        path=f"s{person}/{number}, ä.jpg",
        label=0,
        generator="",
        source="orl",
        identity=f"orl/s{person}",
        split=SPLITS[person % 3],
        sha256=f"{number:064x}",
        dhash=f"{number:064x}",
        picture_dhash=f"{2 * number:064x}",
        width=92,
        height=112,
        box=(1.0, 2.5, 30.25, 40.0),
        landmarks=tuple(float(value) for value in range(10)),
        detection_score=0.75,
        attributes={"group": "b", "age": "30"},
        original={"format": "JPEG", "bytes": "4711"},
    )
    return replace(face, **changed)


def write(folder: Path, rows: int = 18, use: Role = "train", name: str = "orl") -> dict[str, Any]:
    return write_set(folder, name, use, 0, (row(number) for number in range(rows)))


def stored(face_set: FaceSet, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [found for batch in face_set.batches(SPLITS, columns or SCHEMA.names) for found in batch.to_pylist()]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "set")
    found = open_set(tmp_path / "set")
    assert (found.name, found.use, found.label) == ("orl", "train", 0)
    for number, record in enumerate(stored(found)):
        face = row(number)
        assert record == {
            "image": {"bytes": face.jpeg, "path": face.path},
            "id": f"orl/{face.path}",
            "label": 0,
            "generator": "",
            "source": "orl",
            "identity": face.identity,
            "split": face.split,
            "sha256": face.sha256,
            "dhash": face.dhash,
            "picture_dhash": face.picture_dhash,
            "width": 92,
            "height": 112,
            "box": list(face.box),
            "landmarks": list(face.landmarks),
            "detection_score": 0.75,
            "attributes": [("age", "30"), ("group", "b")],
            "original": [("bytes", "4711"), ("format", "JPEG")],
        }


def test_a_row_is_what_its_record_was_made_from(tmp_path: Path) -> None:
    for face in (row(3), row(4, attributes={}, original={}, label=1, generator="gan", jpeg=b"")):
        assert FaceRow.from_record(face.as_record()) == face
        assert FaceRow.from_record(face.as_record(), ["seen", "seen"]) == replace(face, notes=("seen", "seen"))
    write(tmp_path / "set")
    assert [FaceRow.from_record(record) for record in stored(open_set(tmp_path / "set"))] == [*map(row, range(18))]


def test_notes_are_counted_and_not_stored() -> None:
    record = row(0, notes=("several_faces",)).as_record()
    assert set(record) == set(SCHEMA.names)
    assert "several_faces" not in str(record)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ROWS_PER_SHARD", 5)
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
    monkeypatch.setattr(shards, "ROWS_PER_SHARD", rows_per_shard)
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


def test_batches_give_the_splits_and_columns_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "ROWS_PER_SHARD", 7)
    write(tmp_path / "set", 18)
    face_set = open_set(tmp_path / "set")
    for splits in (["test"], ["train", "val"]):
        batches = list(face_set.batches(splits, ["sha256", "id"], size=2))
        assert all(batch.schema.names == ["sha256", "id"] and 0 < batch.num_rows <= 2 for batch in batches)
        wanted = [row(number).sha256 for number in range(18) if row(number).split in splits]
        assert [value for batch in batches for value in batch["sha256"].to_pylist()] == wanted
    assert list(face_set.batches([], ["id"])) == []


def test_the_index_gives_the_splits_and_columns_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "ROWS_PER_SHARD", 7)
    write(tmp_path / "set", 18)
    for shard in (tmp_path / "set").glob("part-*.parquet"):
        shard.unlink()  # the pictures are not needed
    face_set = open_set(tmp_path / "set")
    for splits in (["test"], ["val", "train"]):
        wanted = [row(number) for number in range(18) if row(number).split in splits]
        assert face_set.index(splits, ["picture_dhash", "width", "original"]) == {
            "picture_dhash": [face.picture_dhash for face in wanted],
            "width": [92] * len(wanted),
            "original": [[("bytes", "4711"), ("format", "JPEG")]] * len(wanted),
        }
    assert face_set.index(["test", "val"], ["split"]) == {"split": [*["val"] * 3, *["test"] * 3] * 2}
    assert face_set.index([], ["id"]) == {"id": []}


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


def test_the_fingerprint_changes_with_every_byte(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    write_set(tmp_path / "three", "orl", "train", 0, [*map(row, range(17)), row(17, jpeg=crop(99))])
    one, two, three = (open_set(tmp_path / name).fingerprint() for name in ("one", "two", "three"))
    assert one == two != three


def test_a_folder_without_a_set_says_what_to_do(tmp_path: Path) -> None:
    for look in (open_set, sets_below, sets_for_fitting):
        with pytest.raises(UserError, match="dvc repro") as caught:
            look(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_sets_below_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "people/orl")
    write(tmp_path / "people/deep/own", name="own")
    write(tmp_path / "people/.lfw.abc.part", name="half")
    write(tmp_path / "others/other", name="other")
    assert [found.name for found in sets_below(tmp_path / "people")] == ["own", "orl"]
    assert [found.name for found in sets_below(tmp_path / "people/orl")] == ["orl"]


def test_a_project_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    write(tmp_path / "thesis.parts/people/orl")
    assert [found.name for found in sets_below(tmp_path / "thesis.parts/people")] == ["orl"]


def test_all_sets_are_those_of_faces_and_then_those_of_fakes(tmp_path: Path) -> None:
    write(tmp_path / "faces/people/orl")
    write(tmp_path / "evaluation/orl", name="a selection")
    assert [found.name for found in all_sets(tmp_path)] == ["orl"], "a project may have no fakes of its own"
    write(tmp_path / "fakes/own/dcgan", name="dcgan")
    write(tmp_path / "fakes/.own.abc.part", name="half")
    write(tmp_path / "faces/people/celeb", name="celeb", use="held_out")
    assert [found.name for found in all_sets(tmp_path)] == ["celeb", "orl", "dcgan"]


def test_all_sets_of_a_project_without_faces_are_none(tmp_path: Path) -> None:
    write(tmp_path / "fakes/own/dcgan", name="dcgan")
    with pytest.raises(UserError, match="dvc repro") as caught:
        all_sets(tmp_path)
    assert str(tmp_path / "faces") in str(caught.value)


def test_nothing_held_out_is_fitted_on(tmp_path: Path) -> None:
    write(tmp_path / "people/orl")
    assert [found.name for found in sets_for_fitting(tmp_path / "people")] == ["orl"]
    write(tmp_path / "people/cfd", use="held_out", name="cfd")
    with pytest.raises(UserError, match="`cfd` is held out") as caught:
        sets_for_fitting(tmp_path / "people")
    assert "\n" not in str(caught.value)


def test_of_a_set_that_trains_only_test_people_are_measured_on(tmp_path: Path) -> None:
    write(tmp_path / "orl")
    write(tmp_path / "cfd", use="held_out", name="cfd")
    assert measurable(open_set(tmp_path / "orl")) == ["test"]
    assert measurable(open_set(tmp_path / "cfd")) == ["train", "val", "test"]


@pytest.mark.parametrize("jpeg", [crop(0, 16), b"no picture"])
def test_a_set_holds_squares_of_one_side(tmp_path: Path, jpeg: bytes) -> None:
    with pytest.raises(UserError, match=r"`orl`: its crops are not squares of equal side"):
        write_set(tmp_path / "sets/orl", "orl", "train", 0, [row(0), row(1, jpeg=jpeg)])
    assert list((tmp_path / "sets").iterdir()) == []


def test_sets_that_are_used_together_have_one_side(tmp_path: Path) -> None:
    write(tmp_path / "faces/people/orl")
    write_set(tmp_path / "fakes/own/gan", "gan", "train", 1, [row(0, jpeg=crop(0, 16), label=1)])
    with pytest.raises(UserError, match=r"fakes/own/gan: has crops of 16 pixels, but .*orl has 8 pixels; make it"):
        all_sets(tmp_path)
    write_set(tmp_path / "faces/people/lfw", "lfw", "train", 0, [row(0, jpeg=crop(0, 16))])
    for look in (sets_below, sets_for_fitting):
        with pytest.raises(UserError, match="pixels"):
            look(tmp_path / "faces/people")
    check_sides([open_set(tmp_path / "faces/people/orl")], Wanted(8))
    with pytest.raises(UserError, match=r"has crops of 8 pixels, but `faces` has 32 pixels"):
        check_sides([open_set(tmp_path / "faces/people/orl")], Wanted(32))


def test_a_native_set_has_crops_of_any_side_up_to_its_limit(tmp_path: Path) -> None:
    sides = [8, 16, 24]
    rows = [row(number, jpeg=crop(number, side)) for number, side in enumerate(sides)]
    write_set(tmp_path / "faces/people/orl", "orl", "train", 0, rows, native=32)
    face_set = open_set(tmp_path / "faces/people/orl")
    assert (face_set.side, face_set.native) == (32, True)
    assert [side_of(record["image"]["bytes"]) for record in stored(face_set)] == sides
    check_sides([face_set], Wanted(32, native=True))
    for wanted in (Wanted(32), Wanted(64, native=True)):
        with pytest.raises(UserError, match=r"has crops of up to 32 pixels, each with its own"):
            check_sides([face_set], wanted)
    with pytest.raises(UserError, match=r"a crop has 24 pixels, more than `faces.side`, 16"):
        write_set(tmp_path / "small", "orl", "train", 0, rows, native=16)
    write_set(tmp_path / "faces/people/lfw", "lfw", "train", 0, [row(0, jpeg=crop(0, 32))])
    with pytest.raises(UserError, match="each with its own"):
        all_sets(tmp_path)


def test_the_card_of_crops_of_one_side_is_what_it_was(tmp_path: Path) -> None:
    write(tmp_path / "set")
    assert set(read_json(tmp_path / "set/set.json")) == {"name", "use", "label", "side", "counts", "examples"}


def test_crops_that_are_not_what_the_card_says_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "set")
    write_json(tmp_path / "set/set.json", {**read_json(tmp_path / "set/set.json"), "side": 16})
    face_set = open_set(tmp_path / "set")
    assert list(face_set.batches(SPLITS, ["id"]))
    with pytest.raises(UserError, match="a crop of 8 pixels in a set of 16"):
        stored(face_set)


def test_a_card_of_an_older_version_is_named(tmp_path: Path) -> None:
    write(tmp_path / "set")
    card = read_json(tmp_path / "set/set.json")
    del card["side"]
    write_json(tmp_path / "set/set.json", card)
    with pytest.raises(UserError, match="older version"):
        open_set(tmp_path / "set")
