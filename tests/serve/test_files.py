"""Which files the arguments of a command name, and which are skipped."""

import os
from pathlib import Path

import pytest

from unseen.serve.files import Files
from unseen.serve.folders import Skipped, walk


def expand(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The files, and the lines about what was skipped."""
    files = Files(arguments)
    return list(files), files.skipped()


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with empty pictures in it and below, and a note; the working directory is the one above."""
    (tmp_path / "photos/more").mkdir(parents=True)
    for name in ("a, ä ✓.PGM", "b.pgm", "more/c.pgm", "note.txt"):
        (tmp_path / "photos" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def test_folders_and_globs(photos: Path) -> None:
    inside = ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    assert expand(["photos"])[0] == inside
    assert expand(["photos/"])[0] == inside
    assert expand(["photos/*.pgm"])[0] == ["photos/b.pgm"]
    assert expand(["photos/**/*.pgm"])[0] == ["photos/b.pgm", "photos/more/c.pgm"]
    assert expand(["photos/m*"])[0] == ["photos/more/c.pgm"]
    assert expand(["photos/n*"])[0] == ["photos/note.txt"]


def test_says_what_it_skipped(photos: Path) -> None:
    (photos / "more" / "._c.pgm").write_bytes(b"")
    (photos / "linked").symlink_to(photos / "more")
    said = (
        "1 file without an image suffix (such as note.txt), 1 file hidden or of the system (such as ._c.pgm), "
        "1 link to a folder, not followed (such as linked)"
    )
    assert expand(["photos", "./photos"])[1] == [f"photos: skipped {said}"]
    assert expand(["photos/more", "photos/b.pgm"])[1] == [
        "photos/more: skipped 1 file hidden or of the system (such as ._c.pgm)"
    ]
    assert expand(["photos/b.pgm"])[1] == []


def test_names_each_file_once_and_keeps_the_order(photos: Path) -> None:
    assert expand(["photos/more", "photos/b.pgm", "./photos/b.pgm", "photos"])[0] == [
        "photos/more/c.pgm",
        "photos/b.pgm",
        "photos/a, ä ✓.PGM",
    ]


def test_keeps_what_matches_nothing(photos: Path) -> None:
    (photos / "empty").mkdir()
    assert expand(["gone.jpg", "*.webp", "photos/empty", "gone.jpg"])[0] == ["gone.jpg", "*.webp", "photos/empty"]


def test_takes_a_name_that_exists_as_it_is(photos: Path) -> None:
    (photos / "x[1].pgm").write_bytes(b"")
    (photos / "x1.pgm").write_bytes(b"")
    assert expand(["photos/x[1].pgm"])[0] == ["photos/x[1].pgm"]


def test_a_file_in_two_arguments_is_there_once(photos: Path) -> None:
    (photos / "linked").symlink_to(photos / "more")
    (photos / ".hidden.pgm").write_bytes(b"")
    assert expand(["photos", "photos/more", "photos/b.pgm", "photos/more/c.pgm"])[0] == expand(["photos"])[0]
    # the folder's own listing has neither of these
    assert expand(["photos", "photos/.hidden.pgm", "photos/linked", "photos/note.txt"])[0][3:] == [
        "photos/.hidden.pgm",
        "photos/linked/c.pgm",
        "photos/note.txt",
    ]


def test_the_order_is_that_of_sorted_paths(tmp_path: Path) -> None:
    for name in ("a/x.jpg", "a.jpg", "a-b/y.jpg", "a/b/z.jpg", "B.png", "a b.png", "a/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = list(walk(str(tmp_path), Skipped()))
    assert len(found) == 7
    assert found == sorted(found)


def test_a_folder_is_read_as_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.jpg").write_bytes(b"")
    opened, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or scandir(path))
    assert next(iter(Files([str(tmp_path)]))) == str(tmp_path / "0/a.jpg")
    assert opened == [str(tmp_path), str(tmp_path / "0")]


def test_count_within(photos: Path) -> None:
    assert Files(["photos", "gone.jpg"]).count_within(60) == 4
    for number in range(300):
        (photos / f"{number}.jpg").write_bytes(b"")
    assert Files(["photos"]).count_within(0) is None
