"""What has trained something is not measured on: the same file, the same picture, the same crop."""

import csv
import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from faces_for_training import bytes_below, encoded, stored
from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.settings import Role
from unseen.data.face_rows import SCHEMA, FaceRow
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set
from unseen.data.splits import Split
from unseen.evaluation import select as select_module
from unseen.evaluation.select import Match, TrainingFaces, select
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings

EVERY: list[Split] = ["train", "val", "test"]
NOTHING: dict[str, int] = {"same_file": 0, "same_picture": 0, "same_crop": 0, "same_original": 0}

Photo = tuple[bytes, Split]
Store = Callable[..., FaceSet]


@pytest.fixture(scope="session")
def people(orl_pictures: dict[str, bytes]) -> list[bytes]:
    """A photo of each of 40 people."""
    return list(orl_pictures.values())


@pytest.fixture
def store(tmp_path: Path, face_detector: FaceDetector, face_settings: FaceSettings) -> Store:
    """Preprocesses photos and stores them as a set, by name."""

    def take(name: str, photos: dict[str, Photo], use: Role = "train", generator: str = "") -> FaceSet:
        crops = preprocess_pictures([data for data, _ in photos.values()], face_detector, face_settings, 4, "found")
        rows = []
        for crop, (path, (_, split)) in zip(crops, photos.items(), strict=True):
            assert isinstance(crop, Crop), crop
            rows.append(face_row(crop, path, name, generator, Facts(f"{name}/{path}", split, {"path": path})))
        write_set(tmp_path / name, name, use, 1 if generator else 0, rows)
        return open_set(tmp_path / name)

    return take


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def compressed(data: bytes) -> bytes:
    """The same picture in a smaller file."""
    return saved(Image.open(io.BytesIO(data)), "JPEG", quality=70)


def framed_anew(data: bytes) -> bytes:
    """The same face at the left of a picture that is twice as wide."""
    return saved(Image.fromarray(np.pad(np.asarray(Image.open(io.BytesIO(data))), ((0, 0), (0, 92)))))


def rows(face_set: FaceSet) -> list[dict[str, Any]]:
    return [row for batch in face_set.batches(EVERY, SCHEMA.names) for row in batch.to_pylist()]


def left_out(folder: Path) -> list[dict[str, str]]:
    with (folder / "left_out.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def trained(store: Store, people: list[bytes]) -> TrainingFaces:
    """Five people who train, five who choose, and five who are measured on."""
    splits: list[Split] = ["train"] * 5 + ["val"] * 5 + ["test"] * 5
    photos = {f"s{i}.pgm": (data, split) for i, (data, split) in enumerate(zip(people[:15], splits, strict=True))}
    return TrainingFaces([store("orl", photos)])


def test_what_has_trained_is_left_out_with_its_reason(
    store: Store, people: list[bytes], trained: TrainingFaces, tmp_path: Path
) -> None:
    photos: dict[str, Photo] = {
        "new.pgm": (people[30], "train"),
        "file_that_trained.pgm": (people[1], "train"),
        "picture_that_trained.jpg": (compressed(people[2]), "test"),
        "crop_that_trained.png": (framed_anew(people[0]), "val"),
        "file_that_chose.pgm": (people[5], "test"),
        "picture_that_chose.jpg": (compressed(people[6]), "test"),
        "file_that_was_measured_on.pgm": (people[11], "test"),
        "picture_that_was_measured_on.jpg": (compressed(people[12]), "train"),
        "another.pgm": (people[31], "test"),
    }
    counts = select(store("cfd", photos, "held_out").folder, "all", trained, tmp_path / "selected")
    assert counts == {"kept": 4, "left_out": {**NOTHING, "same_file": 2, "same_picture": 2, "same_crop": 1}}
    kept = [row["image"]["path"] for row in rows(open_set(tmp_path / "selected"))]
    assert kept == ["new.pgm", "file_that_was_measured_on.pgm", "picture_that_was_measured_on.jpg", "another.pgm"]
    listed = left_out(tmp_path / "selected")
    assert {(one["id"], one["of"], one["why"]) for one in listed} == {
        ("cfd/file_that_trained.pgm", "orl/s1.pgm", "same_file"),
        ("cfd/file_that_chose.pgm", "orl/s5.pgm", "same_file"),
        ("cfd/picture_that_trained.jpg", "orl/s2.pgm", "same_picture"),
        ("cfd/picture_that_chose.jpg", "orl/s6.pgm", "same_picture"),
        ("cfd/crop_that_trained.png", "orl/s0.pgm", "same_crop"),
    }
    assert [one["why"] for one in listed] == ["same_file"] * 2 + ["same_picture"] * 2 + ["same_crop"]
    bits = {one["why"]: int(one["bits"]) for one in listed}
    assert bits["same_file"] == 0 < bits["same_picture"] <= 15 >= bits["same_crop"] > 0


def test_the_card_says_what_the_selection_is(
    store: Store, people: list[bytes], trained: TrainingFaces, tmp_path: Path
) -> None:
    photos: dict[str, Photo] = {"new.pgm": (people[30], "train"), "old.pgm": (people[1], "train")}
    counts = select(store("fs", photos, "held_out", "gan").folder, "all", trained, tmp_path / "selected")
    card = {"name": "fs", "use": "held_out", "label": 1, "side": 64, "counts": counts}
    assert read_json(tmp_path / "selected/set.json") == card
    assert sorted(bytes_below(tmp_path / "selected")) == [
        "index.parquet",
        "left_out.csv",
        "part-00000.parquet",
        "set.json",
    ]


@pytest.mark.parametrize(("split", "numbers"), [("all", range(12)), ("test", (2, 5, 8, 11))])
def test_what_is_kept_is_copied_byte_for_byte(
    store: Store,
    people: list[bytes],
    trained: TrainingFaces,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    split: Any,
    numbers: Any,
) -> None:
    monkeypatch.setattr("unseen.data.set_writer.ROWS_PER_SHARD", 5)
    face_set = store("cfd", {f"{i}.pgm": (people[20 + i], EVERY[i % 3]) for i in range(12)}, "held_out")
    counts = select(face_set.folder, split, trained, tmp_path / "one")
    select(face_set.folder, split, trained, tmp_path / "two")
    assert counts == {"kept": len(numbers), "left_out": NOTHING}
    before = rows(face_set)
    assert rows(open_set(tmp_path / "one")) == [before[i] for i in numbers]
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert len(list((tmp_path / "one").glob("part-*.parquet"))) == 3
    assert left_out(tmp_path / "one") == []


def test_a_set_that_trains_is_measured_on_its_test_people_alone(
    store: Store, people: list[bytes], tmp_path: Path
) -> None:
    face_set = store("orl", {f"{i}.pgm": (people[i], EVERY[i % 3]) for i in range(9)})
    trained = TrainingFaces([face_set])
    with pytest.raises(UserError, match="`orl` trains") as caught:
        select(face_set.folder, "all", trained, tmp_path / "selected/orl")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "selected").exists()
    assert select(face_set.folder, "test", trained, tmp_path / "selected/orl") == {"kept": 3, "left_out": NOTHING}
    assert [row["image"]["path"] for row in rows(open_set(tmp_path / "selected/orl"))] == ["2.pgm", "5.pgm", "8.pgm"]


def test_a_copy_among_the_test_people_of_the_same_set_is_left_out(
    store: Store, people: list[bytes], tmp_path: Path
) -> None:
    photos: dict[str, Photo] = {"a.pgm": (people[0], "train"), "b.pgm": (people[1], "test")}
    face_set = store("orl", {**photos, "copy.jpg": (compressed(people[0]), "test")})
    counts = select(face_set.folder, "test", TrainingFaces([face_set]), tmp_path / "selected")
    assert counts == {"kept": 1, "left_out": {**NOTHING, "same_picture": 1}}


def test_every_set_that_trained_counts_reals_and_fakes(store: Store, people: list[bytes], tmp_path: Path) -> None:
    sets = [
        store("orl", {"a.pgm": (people[0], "train")}),
        store("gan", {"b.pgm": (people[1], "val")}, generator="gan"),
    ]
    photos: dict[str, Photo] = {f"{i}.pgm": (people[i], "test") for i in range(3)}
    counts = select(store("cfd", photos, "held_out").folder, "all", TrainingFaces(iter(sets)), tmp_path / "selected")
    assert counts == {"kept": 1, "left_out": {**NOTHING, "same_file": 2}}
    assert [one["of"] for one in left_out(tmp_path / "selected")] == ["orl/a.pgm", "gan/b.pgm"]


def test_where_nothing_trained_all_is_kept(store: Store, people: list[bytes], tmp_path: Path) -> None:
    face_set = store("cfd", {f"{i}.pgm": (people[i], "test") for i in range(3)}, "held_out")
    assert select(face_set.folder, "all", TrainingFaces([]), tmp_path / "selected") == {
        "kept": 3,
        "left_out": NOTHING,
    }


def test_nothing_left_is_one_line_that_says_why(
    store: Store, people: list[bytes], trained: TrainingFaces, tmp_path: Path
) -> None:
    face_set = store("cfd", {"a.pgm": (people[0], "test"), "b.jpg": (compressed(people[1]), "test")}, "held_out")
    with pytest.raises(UserError, match=r"no face in its all split; 2 of its faces are training faces") as caught:
        select(face_set.folder, "all", trained, tmp_path / "selected/cfd")
    assert str(face_set.folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "selected").iterdir()) == []


def test_a_set_without_test_people_can_not_be_measured_on(
    store: Store, people: list[bytes], trained: TrainingFaces, tmp_path: Path
) -> None:
    face_set = store("lfw", {"a.pgm": (people[30], "train")})
    with pytest.raises(UserError, match=r"no face in its test split; give more pictures or raise `split\.test`"):
        select(face_set.folder, "test", trained, tmp_path / "selected/lfw")
    assert list((tmp_path / "selected").iterdir()) == []


def row(sha256: int, crop: int, picture: int) -> dict[str, list[str]]:
    """One face by its hashes."""
    return {
        "id": ["it"],
        "sha256": [f"{sha256:064x}"],
        "dhash": [f"{crop:064x}"],
        "picture_dhash": [f"{picture:064x}"],
    }


def ones(count: int) -> int:
    return 2**count - 1


@pytest.mark.parametrize(
    ("sha256", "crop", "picture", "why", "bits"),
    [
        (1, ones(200), ones(200), "same_file", 0),
        (1, ones(3), ones(3), "same_file", 0),
        (9, ones(3), ones(15), "same_picture", 15),
        (9, ones(3), ones(16), "same_crop", 3),
        (9, ones(15), ones(200), "same_crop", 15),
        (9, ones(16), ones(16), None, None),
    ],
)
def test_the_surest_reason_is_the_one_that_is_given(
    tmp_path: Path, sha256: int, crop: int, picture: int, why: str | None, bits: int
) -> None:
    one = stored(
        tmp_path / "orl", list(map(encoded, np.zeros((2, 8, 8, 3), np.uint8))), ["a", "b"], ["train", "train"]
    )
    trained = TrainingFaces([one])
    assert one.index(["train"], ["sha256"])["sha256"] == [f"{0:064x}", f"{1:064x}"]
    of = "orl/0001.jpg" if why == "same_file" else "orl/0000.jpg"
    wanted = {"it": Match("it", of, why, bits)} if why else {}
    assert trained.matches(row(sha256, crop, picture)) == wanted


def test_of_two_that_trained_the_first_is_named(store: Store, people: list[bytes]) -> None:
    trained = TrainingFaces([store("orl", {"a.pgm": (people[0], "train"), "again.pgm": (people[0], "val")})])
    faces = store("cfd", {"x.pgm": (people[0], "test"), "y.jpg": (compressed(people[0]), "test")})
    found = trained.matches(faces.index(["test"], ["id", "sha256", "dhash", "picture_dhash"]))
    assert {one.of for one in found.values()} == {"orl/a.pgm"}


def test_many_copies_are_known_and_nobody_is_taken_for_somebody_else(store: Store, people: list[bytes]) -> None:
    trained = TrainingFaces([store("orl", {str(i): (data, "train") for i, data in enumerate(people)})])
    shares = []
    for change in (compressed, framed_anew):
        copies = store(change.__name__, {str(i): (change(data), "test") for i, data in enumerate(people)})
        found = trained.matches(copies.index(["test"], ["id", "sha256", "dhash", "picture_dhash"]))
        assert [one.of.split("/")[1] for one in found.values()] == [one.id.split("/")[1] for one in found.values()]
        shares.append(len(found) / len(people))
    # a face that lies elsewhere is found a pixel further: of crops of small pictures half come out near enough
    assert shares[0] == 1.0
    assert shares[1] > 0.4


def twins_of(store: Store, people: list[bytes], splits: dict[str, Split], use: Role, how: str = "twin_of") -> FaceSet:
    """Twins of `orl/s0.pgm` ..., each in a split; other pictures, so that only what they say of themselves counts."""
    made = store("drawn", {name: (people[20 + i], split) for i, (name, split) in enumerate(splits.items())}, use)
    found = [FaceRow.from_record(one) for batch in made.batches(EVERY, SCHEMA.names) for one in batch.to_pylist()]
    rows = [replace(one, label=1, generator="auto", attributes={how: f"orl/{one.path}"}) for one in found]
    write_set(made.folder, "copies", use, 1, rows)
    return open_set(made.folder)


@pytest.mark.parametrize("how", ["twin_of", "made_of"])
@pytest.mark.parametrize(
    ("splits", "split", "advice"),
    [
        ({"s1.pgm": "train", "s11.pgm": "test"}, "all", "set `split: test`"),
        ({"s5.pgm": "val", "s11.pgm": "test"}, "all", "set `split: test`"),
        ({"s1.pgm": "test", "s11.pgm": "test"}, "test", "make the set again"),
    ],
)
def test_twins_of_faces_that_have_trained_are_not_measured_on(
    store: Store,
    people: list[bytes],
    trained: TrainingFaces,
    tmp_path: Path,
    splits: dict[str, Split],
    split: Literal["test", "all"],
    advice: str,
    how: str,
) -> None:
    made = twins_of(store, people, splits, "held_out", how)
    with pytest.raises(UserError, match="`copies` is made of 1 training faces, for instance orl/s") as caught:
        select(made.folder, split, trained, tmp_path / "selected")
    assert advice in str(caught.value)
    assert not (tmp_path / "selected").exists()


def test_twins_of_test_people_are_measured_on(
    store: Store, people: list[bytes], trained: TrainingFaces, tmp_path: Path
) -> None:
    made = twins_of(store, people, {"s1.pgm": "train", "s11.pgm": "test"}, "held_out")
    assert select(made.folder, "test", trained, tmp_path / "selected")["kept"] == 1


def test_a_twin_of_a_copy_of_a_face_that_trained_is_left_out_like_the_copy(
    store: Store, people: list[bytes], tmp_path: Path
) -> None:
    photos: dict[str, Photo] = {"s0.pgm": (people[0], "train"), "s1.pgm": (people[1], "test")}
    copies: dict[str, Photo] = {"again.jpg": (compressed(people[0]), "test"), "other.pgm": (people[2], "test")}
    trained = TrainingFaces([store("orl", photos), store("more", copies)])
    made = store("drawn", {"again.jpg": (people[20], "test"), "other.pgm": (people[21], "test")}, "held_out")
    rows = [
        replace(FaceRow.from_record(one), label=1, generator="auto", attributes={"twin_of": f"more/{path}"})
        for batch in made.batches(EVERY, SCHEMA.names)
        for one, path in zip(batch.to_pylist(), copies, strict=True)
    ]
    write_set(made.folder, "copies", "held_out", 1, rows)
    assert select(tmp_path / "more", "test", trained, tmp_path / "one")["left_out"] == {**NOTHING, "same_picture": 1}
    assert select(made.folder, "test", trained, tmp_path / "two")["left_out"] == {**NOTHING, "same_original": 1}
    (listed,) = left_out(tmp_path / "two")
    assert (listed["id"], listed["of"], listed["why"]) == ("drawn/again.jpg", "orl/s0.pgm", "same_original")


@pytest.mark.parametrize(
    ("splits", "split", "advice"),
    [(["train", "test"], "all", "set `split: test`"), (["test", "test"], "test", "make the set again")],
)
def test_what_shows_people_who_trained_is_not_measured_on(
    store: Store,
    people: list[bytes],
    trained: TrainingFaces,
    tmp_path: Path,
    splits: list[Split],
    split: Literal["test", "all"],
    advice: str,
) -> None:
    made = store("swapped", {f"{i}.pgm": (people[20 + i], one) for i, one in enumerate(splits)}, "held_out")
    people_of = ["orl/s1.pgm", "orl/s11.pgm"]  # trained, and is measured on
    found = [FaceRow.from_record(one) for batch in made.batches(EVERY, SCHEMA.names) for one in batch.to_pylist()]
    rows = [replace(row, identity=who) for row, who in zip(found, people_of, strict=True)]
    write_set(made.folder, "swapped", "held_out", 1, rows)
    with pytest.raises(
        UserError, match=r"`swapped` has faces of 1 people or pictures that trained, .* orl/s1\.pgm"
    ) as caught:
        select(made.folder, split, trained, tmp_path / "selected")
    assert advice in str(caught.value)


def test_the_index_of_a_selection_has_its_rows(store: Store, people: list[bytes], tmp_path: Path) -> None:
    face_set = store("cfd", {f"{i}.pgm": (people[i], "test") for i in range(3)}, "held_out")
    select(face_set.folder, "all", TrainingFaces([]), tmp_path / "selected")
    selected = open_set(tmp_path / "selected")
    (batch,) = selected.batches(["test"], ["id", "sha256"])
    assert selected.index(["test"], ["id", "sha256"]) == batch.to_pydict()
    assert len(batch) == 3


@pytest.mark.parametrize("size", [1, 4])
def test_the_size_of_a_batch_changes_no_selection(
    store: Store, people: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    training = store("orl", {f"{i}.pgm": (people[i], EVERY[i % 3]) for i in range(15)})
    copied = {f"{i}.jpg": (compressed(people[i]), EVERY[i % 3]) for i in range(15)}
    photos = store("cfd", {**copied, **{f"new{i}.pgm": (people[20 + i], "test") for i in range(5)}}, "held_out")
    whole = select(photos.folder, "all", TrainingFaces([training]), tmp_path / "whole")
    for name in ("BATCH", "READ"):
        monkeypatch.setattr(select_module, name, size)
    assert select(photos.folder, "all", TrainingFaces([training]), tmp_path / "parts") == whole
    assert whole["left_out"]["same_picture"] == 10
    assert bytes_below(tmp_path / "parts") == bytes_below(tmp_path / "whole")


def test_training_faces_take_little_memory(tmp_path: Path) -> None:
    jpeg = encoded(np.zeros((8, 8, 3), np.uint8))
    count = 3000
    rows = [
        FaceRow.from_record(
            {**one, "sha256": f"{i:064x}", "dhash": f"{i * 2**200:064x}", "picture_dhash": f"{i:064x}"}
        )
        for i, one in enumerate(
            record
            for batch in stored(
                tmp_path / "one", [jpeg] * count, [f"p{i}" for i in range(count)], ["train"] * count
            ).batches(EVERY, SCHEMA.names)
            for record in batch.to_pylist()
        )
    ]
    write_set(tmp_path / "many", "many", "train", 0, rows)
    face_set = open_set(tmp_path / "many")
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        trained = TrainingFaces([face_set])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert trained.people(["p7", "p4000"]) == ["p7"]
    assert held + pa.total_allocated_bytes() - before < 200 * count, "bytes for each face"
