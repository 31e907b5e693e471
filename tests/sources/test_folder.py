import errno
import os
import zipfile
from pathlib import Path

import pytest

from unseen.errors import UserError
from unseen.files import sha256_of
from unseen.sources import folder
from unseen.sources.archive import members
from unseen.sources.settings import FolderArchive

PICTURES = {"a.jpg": b"1", "b/ä 1.png": b"22" * 999, "b/c/d.jpg": b"", "b.jpg": b"4", "list.csv": b"5"}


def filled(root: Path, files: dict[str, bytes] = PICTURES) -> Path:
    for name, data in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return root


def packed(path: Path | str, tmp_path: Path, name: str = "target") -> Path:
    target = tmp_path / name
    target.mkdir()
    found = folder.fetch(FolderArchive(kind="folder", path=str(path)), target, tmp_path / "unused")
    assert list(target.iterdir()) == [found]
    return found


def refusal(path: Path, tmp_path: Path) -> str:
    with pytest.raises(UserError) as caught:
        packed(path, tmp_path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(path: Path) -> dict[str, bytes]:
    found = list(members(path, "*"))
    assert not any(member.refused for member in found)
    return {member.name: member.data for member in found}


def denied(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make one file unreadable; taking its rights away would not stop root."""
    original = Path.open

    def guarded(path: Path, *args: str) -> object:
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *args)

    monkeypatch.setattr(Path, "open", guarded)


def test_a_folder_becomes_one_archive(tmp_path: Path) -> None:
    found = packed(filled(tmp_path / "mine"), tmp_path)
    assert contents(found) == PICTURES
    with zipfile.ZipFile(found) as archive:
        assert [info.filename for info in archive.infolist()] == sorted(PICTURES)
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    first = filled(tmp_path / "one")
    second = filled(tmp_path / "two", dict(reversed(PICTURES.items())))
    for age, file in enumerate(sorted(second.rglob("*"))):
        os.utime(file, (10**9 + 10**7 * age, 10**9 - 10**7 * age))
    (second / "a.jpg").chmod(0o600)
    before = sha256_of(packed(first, tmp_path, "1"))
    assert sha256_of(packed(first, tmp_path, "2")) == before
    assert sha256_of(packed(second, tmp_path, "3")) == before
    (second / "a.jpg").write_bytes(b"0")
    assert sha256_of(packed(second, tmp_path, "4")) != before


def test_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    hidden = {".DS_Store": b"x", "b/._d.jpg": b"x", ".thumbnails/a.jpg": b"x", "b/.git/c.jpg": b"x"}
    assert contents(packed(filled(tmp_path / "mine", PICTURES | hidden), tmp_path)) == PICTURES


def test_links_to_pictures_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    root, other = filled(tmp_path / "mine", {"a.jpg": b"1"}), filled(tmp_path / "other", {"b.jpg": b"2"})
    (root / "b.jpg").symlink_to(other / "b.jpg")
    (root / "folder").symlink_to(other)
    (root / "round").symlink_to(root)
    (root / "gone.jpg").symlink_to(other / "gone.jpg")
    os.mkfifo(root / "pipe.jpg")
    assert contents(packed(root, tmp_path)) == {"a.jpg": b"1", "b.jpg": b"2"}


def test_the_folder_itself_may_be_a_link_or_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "home/mine", {"a.jpg": b"1"})
    (tmp_path / "link").symlink_to(tmp_path / "home/mine")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(("link", "~/mine", "home/mine")):
        assert contents(packed(path, tmp_path, str(number))) == {"a.jpg": b"1"}


def test_an_archive_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "faces.tar.gz"
    file.write_bytes(b"whatever it is")
    found = packed(file, tmp_path)
    assert (found.name, found.read_bytes()) == ("faces.tar.gz", b"whatever it is")


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    message = refusal(tmp_path / "gone", tmp_path)
    assert str(tmp_path / "gone") in message
    assert "`path`" in message


def test_a_folder_without_files(tmp_path: Path) -> None:
    filled(tmp_path / "mine", {".hidden/a.jpg": b"1"})
    (tmp_path / "mine/deep").mkdir()
    assert "no file in it" in refusal(tmp_path / "mine", tmp_path)


@pytest.mark.parametrize("path", ["mine", "mine/a.jpg"])
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    filled(tmp_path / "mine")
    denied(monkeypatch, "a.jpg")
    assert "a.jpg: can't be read (Permission denied)" in refusal(tmp_path / path, tmp_path)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "mine")
    original = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert "mine/b: can't be read (Permission denied)" in refusal(tmp_path / "mine", tmp_path)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    root = filled(tmp_path / "mine", {"a.jpg": b"1"})
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/\xff.jpg")).write_bytes(b"2")
    except OSError:
        pytest.skip("this file system has no such names")
    assert "not UTF-8" in refusal(root, tmp_path)


def test_a_full_disk_is_not_blamed_on_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "mine")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        packed(tmp_path / "mine", tmp_path)
