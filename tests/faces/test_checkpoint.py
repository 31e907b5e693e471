"""What a killed run leaves, and how the next one goes on from it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faces_for_training import bytes_below
from unseen.data.face_rows import Dropped, FaceRow
from unseen.data.set_writer import write_set
from unseen.data.splits import Split
from unseen.faces import checkpoint
from unseen.faces.checkpoint import FaceCheckpoint, Outcome

KEY = {"seed": 4, "faces": {"side": 64}}
SPLITS: list[Split] = ["train", "val", "test"]


class Killed(Exception):
    """A run that ends where nobody expects it."""


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "BLOCK", 4)


def crop(grey: int) -> bytes:
    """A stored crop of 8 px."""
    Image.new("L", (8, 8), grey).save(file := io.BytesIO(), "JPEG")
    return file.getvalue()


def outcome(number: int) -> Outcome:
    """A made-up face, or every fifth time why there is none."""
    if number % 5 == 3:
        return Dropped(f"s1/{number}, ä.jpg", "no_face", "none\nwas found" if number % 2 else "")
    return FaceRow(
        jpeg=crop(number),
        path=f"s1/{number}, ä.jpg",
        label=1,
        generator="somegan",
        source="orl",
        identity=f"orl/s{number // 2}",
        split=SPLITS[number % 3],
        sha256=f"{number:064x}",
        dhash="0" * 64,
        picture_dhash="f" * 64,
        width=92,
        height=112,
        box=(0.1, 2.5, 30.25, 1 / 3),
        landmarks=tuple(value / 7 for value in range(10)),
        detection_score=0.9 - number / 1000,
        attributes={"race": "b", "age": "30"} if number % 2 else {},
        original={"format": "PNG", "bytes": "17"},
        notes=("several_faces_main_one_kept",) if number % 4 == 0 else (),
    )


def outcomes(first: int, last: int) -> Iterator[Outcome]:
    return map(outcome, range(first, last))


def killed(first: int, last: int) -> Iterator[Outcome]:
    yield from outcomes(first, last)
    raise Killed


def begin(root: Path, stop: int) -> None:
    """A run that is killed after its first `stop` outcomes, those of earlier runs counted."""
    going = FaceCheckpoint(root, "faces-orl", KEY)
    with pytest.raises(Killed):
        list(going.continued(killed(going.done(), stop)))


def finish(root: Path, total: int = 22) -> list[Outcome]:
    """All outcomes of a run that goes on to its end."""
    going = FaceCheckpoint(root, "faces-orl", KEY)
    return list(going.continued(outcomes(going.done(), total)))


def set_of(folder: Path, items: list[Outcome]) -> dict[str, str]:
    write_set(folder, "orl", "train", 1, items)
    return bytes_below(folder)


def test_a_complete_run_yields_every_outcome(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert finish(tmp_path) == list(outcomes(0, 22))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("stop", "kept"), [(0, 0), (3, 0), (4, 4), (9, 8), (21, 20)])
def test_a_killed_run_resumes_after_its_last_complete_block(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], stop: int, kept: int
) -> None:
    begin(tmp_path / "scratch", stop)
    assert FaceCheckpoint(tmp_path / "scratch", "faces-orl", KEY).done() == kept
    found = finish(tmp_path / "scratch")
    assert capfd.readouterr().err == (f"faces-orl: resuming after {kept} pictures\n" if kept else "")
    assert set_of(tmp_path / "one", found) == set_of(tmp_path / "two", list(outcomes(0, 22)))


def test_a_run_may_be_killed_several_times(tmp_path: Path) -> None:
    for stop in (6, 11, 11, 18):
        begin(tmp_path / "scratch", stop)
    assert FaceCheckpoint(tmp_path / "scratch", "faces-orl", KEY).done() == 16
    assert set_of(tmp_path / "one", finish(tmp_path / "scratch")) == set_of(tmp_path / "two", list(outcomes(0, 22)))


def test_a_block_is_written_before_its_outcomes_are_yielded(tmp_path: Path) -> None:
    going = FaceCheckpoint(tmp_path, "faces-orl", KEY)
    passed = going.continued(outcomes(0, 22))
    next(passed)
    assert FaceCheckpoint(tmp_path, "faces-orl", KEY).done() == 4
    for _ in range(4):
        next(passed)
    assert FaceCheckpoint(tmp_path, "faces-orl", KEY).done() == 8


@pytest.mark.parametrize(
    ("title", "key"),
    [("faces-orl", {**KEY, "seed": 5}), ("faces-orl", {"seed": 4}), ("faces-lfw", KEY), ("faces-orl", [KEY, "x"])],
)
def test_another_key_starts_again(tmp_path: Path, title: str, key: Any) -> None:
    begin(tmp_path, 9)
    assert FaceCheckpoint(tmp_path, title, key).done() == 0
    assert list(FaceCheckpoint(tmp_path, title, key).continued(outcomes(0, 3))) == list(outcomes(0, 3))


def test_the_order_of_keys_does_not_matter(tmp_path: Path) -> None:
    begin(tmp_path, 9)
    assert FaceCheckpoint(tmp_path, "faces-orl", {"faces": {"side": 64}, "seed": 4}).done() == 8


def blocks(root: Path) -> list[Path]:
    return sorted(root.glob("*/block-*.parquet"))


def test_blocks_after_a_missing_one_are_not_used(tmp_path: Path) -> None:
    begin(tmp_path / "scratch", 17)
    assert len(blocks(tmp_path / "scratch")) == 4
    blocks(tmp_path / "scratch")[1].unlink()
    assert FaceCheckpoint(tmp_path / "scratch", "faces-orl", KEY).done() == 4
    assert set_of(tmp_path / "one", finish(tmp_path / "scratch")) == set_of(tmp_path / "two", list(outcomes(0, 22)))
    assert len(blocks(tmp_path / "scratch")) == 5


@pytest.mark.parametrize("damage", ["no bytes", "cut", "a bit"])
def test_a_damaged_block_is_set_aside_and_its_pictures_are_read_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    begin(tmp_path / "scratch", 13)
    block = blocks(tmp_path / "scratch")[1]
    whole = block.read_bytes()
    middle = whole.index(crop(6)) + 100  # the picture of an outcome: what Parquet itself does not check
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    damaged = {"no bytes": b"", "cut": whole[:100], "a bit": flipped}[damage]
    block.write_bytes(damaged)
    assert FaceCheckpoint(tmp_path / "scratch", "faces-orl", KEY).done() == 4
    line = f"{block}: damaged; renamed to {block.name}.damaged, its pictures are processed again\n"
    assert capfd.readouterr().err == line
    assert block.with_name(f"{block.name}.damaged").read_bytes() == damaged
    assert set_of(tmp_path / "one", finish(tmp_path / "scratch")) == set_of(tmp_path / "two", list(outcomes(0, 22)))


def test_a_partly_written_file_is_not_a_block(tmp_path: Path) -> None:
    begin(tmp_path, 9)
    (folder,) = tmp_path.iterdir()
    whole = blocks(tmp_path)[0].read_bytes()
    (folder / ".block-000002.parquet.abcd.part").write_bytes(whole)
    (folder / "block-000002.parquet.tmp").write_bytes(whole)
    assert FaceCheckpoint(tmp_path, "faces-orl", KEY).done() == 8


def test_clear_removes_only_this_checkpoint(tmp_path: Path) -> None:
    begin(tmp_path, 9)
    other = FaceCheckpoint(tmp_path, "faces-orl", "other")
    list(other.continued(outcomes(0, 4)))
    FaceCheckpoint(tmp_path, "faces-orl", KEY).clear()
    assert FaceCheckpoint(tmp_path, "faces-orl", KEY).done() == 0
    assert other.done() == 4
    FaceCheckpoint(tmp_path, "faces-orl", KEY).clear()  # nothing there is nothing to do
