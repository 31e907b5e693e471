import errno
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.sources.kinds import folder
from unseen.sources.shared.archive import members
from unseen.sources.shared.checksums import forget
from unseen.sources.shared.download import archive_file
from unseen.sources.shared.settings import FolderSettings

PICTURES = {"a.jpg": b"1", "b/ä 1.png": b"22" * 999, "b/c/d.jpg": b"", "b.jpg": b"4", "list.csv": b"5"}


def filled(root: Path, files: dict[str, bytes] = PICTURES) -> Path:
    for name, data in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return root


def take(path: Path | str, tmp_path: Path, name: str = "target", sha256: str = "") -> Path:
    """What `take_folder` makes of a path."""
    settings = FolderSettings(path=str(path), sha256=sha256)
    folder.take_folder("mine", settings, tmp_path / name, tmp_path / "checksums/mine.sha256")
    return archive_file(tmp_path / name)[0]


def packed(path: Path | str, tmp_path: Path, name: str = "target") -> Path:
    found = take(path, tmp_path, name)
    assert set((tmp_path / name).iterdir()) == {found, tmp_path / name / "archive.json"}
    return found


def refusal(path: Path, tmp_path: Path) -> str:
    with pytest.raises(UserError) as caught:
        take(path, tmp_path)
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


def test_what_is_hidden_or_a_systems_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [".DS_Store", "b/._d.jpg", ".thumbnails/a.jpg", "b/.git/c.jpg", "b/Thumbs.db", "@eaDir/a.jpg/b.jpg"]
    assert contents(packed(filled(tmp_path / "mine", PICTURES | dict.fromkeys(names, b"x")), tmp_path)) == PICTURES
    assert "skipped 6 system_file (such as .thumbnails)" in capsys.readouterr().err


def test_links_to_pictures_are_followed_and_links_to_folders_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, other = filled(tmp_path / "mine", {"a.jpg": b"1"}), filled(tmp_path / "other", {"b.jpg": b"2"})
    (root / "b.jpg").symlink_to(other / "b.jpg")
    (root / "folder").symlink_to(other)
    (root / "round").symlink_to(root)
    (root / "gone.jpg").symlink_to(other / "gone.jpg")
    os.mkfifo(root / "pipe.jpg")
    assert contents(packed(root, tmp_path)) == {"a.jpg": b"1", "b.jpg": b"2"}
    said = "2 linked_folder (such as folder), 1 special_file (such as pipe.jpg)"
    assert f"folder mine: skipped 1 broken_link (such as gone.jpg), {said}" in capsys.readouterr().err
    assert archive_file(tmp_path / "target")[1]["left_out"] == {
        "broken_link": {"count": 1, "example": "gone.jpg"},
        "linked_folder": {"count": 2, "example": "folder"},
        "special_file": {"count": 1, "example": "pipe.jpg"},
    }


def test_the_folder_itself_may_be_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "home/mine", {"a.jpg": b"1"})
    (tmp_path / "link").symlink_to(tmp_path / "home/mine")
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(("link", "home/mine")):
        assert contents(packed(path, tmp_path, str(number))) == {"a.jpg": b"1"}


def test_an_archive_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "faces.tar.gz"
    with tarfile.open(file, "w:gz") as target:
        target.add(filled(tmp_path / "mine"), "mine")
    found = packed(file, tmp_path)
    assert (found.name, found.read_bytes()) == ("faces.tar.gz", file.read_bytes())
    file.write_bytes(packed(tmp_path / "mine", tmp_path, "other").read_bytes())
    assert "changed since it was first read: the bytes of the file differ; accept the change" in refusal(
        file, tmp_path
    )


@pytest.mark.parametrize("recorded", [False, True])
def test_the_hash_of_a_file_that_is_not_an_archive_is_not_recorded(tmp_path: Path, recorded: bool) -> None:
    file, checksums = tmp_path / "faces.zip", tmp_path / "checksums/mine.sha256"
    file.write_bytes(b"<html>busy</html>")
    if recorded:  # by a version that did not look
        checksums.parent.mkdir()
        checksums.write_text(f"{sha256_of(file)}  folder {file}\n")
    assert f"{file}: a web page and not the file" in refusal(file, tmp_path)
    assert not checksums.exists()
    file.write_bytes(packed(filled(tmp_path / "mine"), tmp_path, "other").read_bytes())
    packed(file, tmp_path)


def test_a_changed_folder_is_refused_until_it_is_accepted(tmp_path: Path) -> None:
    root, checksums = filled(tmp_path / "mine"), tmp_path / "checksums/mine.sha256"
    before = packed(root, tmp_path).read_bytes()
    line = checksums.read_text()
    filled(root, {"c/1.jpg": b"new", "c/2.jpg": b"new", "a.jpg": b"9", "b.jpg": b"longer"})
    (root / "list.csv").unlink()
    message = refusal(root, tmp_path)
    assert message == (
        f"{root}: changed since it was first read: 2 added (such as c/1.jpg), 1 removed (list.csv), 2 altered "
        "(such as a.jpg); accept the change with `unseen accept mine` and `dvc repro`, or restore the old state"
    )
    assert packed_bytes(tmp_path) == before, "nothing is lost"
    assert checksums.read_text() == line
    assert forget(checksums, FolderSettings(path=str(root)))
    assert "c/1.jpg" in contents(packed(root, tmp_path))
    assert checksums.read_text() != line


def packed_bytes(tmp_path: Path) -> bytes:
    return archive_file(tmp_path / "target")[0].read_bytes()


def test_bytes_that_change_under_the_same_name_and_size(tmp_path: Path) -> None:
    root = filled(tmp_path / "mine")
    before = packed(root, tmp_path).read_bytes()
    (root / "a.jpg").write_bytes(b"9")
    assert "first read: 1 altered (a.jpg);" in refusal(root, tmp_path)
    assert packed_bytes(tmp_path) == before
    (root / "a.jpg").write_bytes(PICTURES["a.jpg"])
    assert packed(root, tmp_path).read_bytes() == before


def test_system_files_change_nothing(tmp_path: Path) -> None:
    root = filled(tmp_path / "mine")
    before = packed(root, tmp_path)
    cards = [before.read_bytes(), (tmp_path / "target/archive.json").read_bytes()]
    filled(root, {".DS_Store": b"x", "b/Thumbs.db": b"x"})
    assert [packed(root, tmp_path).read_bytes(), (tmp_path / "target/archive.json").read_bytes()] == cards


def test_a_change_is_known_without_the_old_archive(tmp_path: Path) -> None:
    """As in a fresh clone, of which only the hash is in git."""
    root = filled(tmp_path / "mine")
    take(root, tmp_path)
    (root / "a.jpg").write_bytes(b"9")
    settings = FolderSettings(path=str(root))
    with pytest.raises(UserError, match="the earlier archive is not available for comparison"):
        folder.take_folder("mine", settings, tmp_path / "fresh", tmp_path / "checksums/mine.sha256")
    assert not (tmp_path / "fresh").exists()


def test_a_hash_in_params_is_corrected_there(tmp_path: Path) -> None:
    root = filled(tmp_path / "mine")
    sha256 = sha256_of(take(root, tmp_path, "first"))
    take(root, tmp_path, sha256=sha256)
    (root / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"1 removed \(b\.jpg\); correct or remove `folders\.mine\.sha256`"):
        take(root, tmp_path, sha256=sha256)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    message = refusal(tmp_path / "gone", tmp_path)
    assert str(tmp_path / "gone") in message
    assert "`folders.mine.path`" in message


def test_a_folder_without_files(tmp_path: Path) -> None:
    filled(tmp_path / "mine", {".hidden/a.jpg": b"1"})
    (tmp_path / "mine/deep").mkdir()
    assert "no files in this folder" in refusal(tmp_path / "mine", tmp_path)


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

    monkeypatch.setattr("unseen.sources.shared.packing.shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        packed(tmp_path / "mine", tmp_path)
