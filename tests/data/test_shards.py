from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_json
from unseen.data import set_writer
from unseen.data.face_rows import SCHEMA, FaceRow, side_of
from unseen.data.set_writer import write_set
from unseen.data.shards import all_sets, check_sides, measurable, open_set, sets_below, sets_for_fitting

from .made_up import SPLITS, crop, row, stored, write


@dataclass(frozen=True)
class Wanted:
    """Required sides."""

    side: int
    native: bool = False


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


def test_batches_give_the_splits_and_columns_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_writer, "ROWS_PER_SHARD", 7)
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
    monkeypatch.setattr(set_writer, "ROWS_PER_SHARD", 7)
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
