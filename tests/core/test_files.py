import errno
import hashlib
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unseen.core import files
from unseen.core.errors import UserError
from unseen.core.files import atomic_file, atomic_folder, sha256_of
from unseen.core.json_files import read_json, write_json

FULL = OSError(errno.ENOSPC, "No space left on device")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("problem", [FULL, KeyboardInterrupt(), SystemExit(1), ValueError("x")])
def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path, problem: BaseException) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_file(path) as part:
            part.write_bytes(b"half")
            raise problem

    with pytest.raises(type(problem)):
        write()
    assert everything(tmp_path) == {"a.bin": b"old"}


@pytest.mark.parametrize("problem", [FULL, KeyboardInterrupt(), SystemExit(1), ValueError("x")])
def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path, problem: BaseException) -> None:
    (tmp_path / "set/deep").mkdir(parents=True)
    (tmp_path / "set/deep/a.bin").write_bytes(b"old")

    def write() -> None:
        with atomic_folder(tmp_path / "set") as part:
            (part / "b.bin").write_bytes(b"half")
            raise problem

    with pytest.raises(type(problem)):
        write()
    assert everything(tmp_path) == {"set/deep/a.bin": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/a.bin"
    for content in (b"first", b"second"):
        with atomic_file(path) as part:
            part.write_bytes(content)
            assert part.parent == path.parent  # a rename across disks is a copy
            assert not path.exists() or path.read_bytes() == b"first"
        assert everything(tmp_path) == {"new/folder/a.bin": content}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new/set"
    for name in ("first", "second"):
        with atomic_folder(path) as part:
            (part / name).write_bytes(b"1")
            assert part.parent == path.parent
            assert not (path / "second").exists()
        assert everything(tmp_path) == {f"new/set/{name}": b"1"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def put(kind: str, path: Path) -> None:
    """Something at `path` that a rename would replace as well."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_bytes(b"old")
    else:
        target = path.with_name("target")
        put(kind.removeprefix("link to a "), target)
        path.symlink_to(target)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize(
    ("write", "kind", "says"),
    [
        (atomic_file, "fifo", "not a regular file"),
        (atomic_file, "folder", "a folder"),
        (atomic_file, "link to a file", "a symbolic link"),
        (atomic_file, "link to a fifo", "a symbolic link"),
        (atomic_folder, "fifo", "not a folder"),
        (atomic_folder, "file", "not a folder"),
        (atomic_folder, "link to a folder", "a symbolic link"),
    ],
)
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_only_a_regular_file_or_a_folder_is_replaced(
    tmp_path: Path, write: Any, kind: str, says: str, moment: str
) -> None:
    """Also where it appears while the new one is written."""
    path = tmp_path / "target of a write"

    def attempt() -> None:
        if moment == "before":
            put(kind, path)
        with write(path):
            assert moment == "meanwhile"
            put(kind, path)

    with pytest.raises(UserError) as caught:
        attempt()
    assert str(caught.value).startswith(f"{path}: {says}")
    assert path.is_symlink() == kind.startswith("link")
    there = stat.S_IFMT(path.stat().st_mode)
    assert there == {"fifo": stat.S_IFIFO, "folder": stat.S_IFDIR, "file": stat.S_IFREG}[kind.split()[-1]]
    assert not list(tmp_path.glob(".*"))


def test_a_link_that_leads_nowhere_stays(tmp_path: Path) -> None:
    (tmp_path / "a.bin").symlink_to("gone")
    with pytest.raises(UserError, match="a symbolic link"), atomic_file(tmp_path / "a.bin"):
        pass
    assert os.readlink(tmp_path / "a.bin") == "gone"
    assert not (tmp_path / "gone").exists()


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".set.abc.part"
    others = [tmp_path / name for name in (".settle.abc.part", ".set.abc", "set.part", "other")]
    for folder in (left, *others):
        folder.mkdir()
        (folder / "half").write_bytes(b"1")
    with atomic_folder(tmp_path / "set") as part:
        (part / "a.bin").write_bytes(b"2")
    assert not left.exists()
    assert all((folder / "half").exists() for folder in others)
    assert (tmp_path / "set/a.bin").read_bytes() == b"2"


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def killed_at(call: int, write: Callable[[], None]) -> bool:
    """Run `write` in a process that ends without any clean-up before its so many'th call that changes a name."""
    child = os.fork()
    if not child:
        left = itertools.count(call, -1)

        def dying(function: Any) -> Any:
            def called(*arguments: Any, **options: Any) -> Any:
                if not next(left):
                    os._exit(9)
                return function(*arguments, **options)

            return called

        os.replace, shutil.rmtree = dying(os.replace), dying(shutil.rmtree)
        files._exchange = dying(files._exchange)
        write()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@needs_fork
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_at_any_moment_loses_neither_the_old_folder_nor_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    path = tmp_path / "[set]"

    def write(content: bytes) -> None:
        with atomic_folder(path) as part:
            (part / "a.bin").write_bytes(content)

    write(b"old")
    for call in itertools.count():
        if not killed_at(call, lambda: write(b"new")):
            break
        files.restore_folder(path)
        assert everything(path) in ({"a.bin": b"old"}, {"a.bin": b"new"}), f"killed before call {call}"
        write(b"old")
        assert [found.name for found in tmp_path.iterdir()] == ["[set]"], "what the kill left is gone"
    assert call >= 2
    assert everything(tmp_path) == {"[set]/a.bin": b"new"}


def test_a_folder_that_can_not_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.bin").write_bytes(b"old")
    replace = os.replace

    def refused(one: Path, other: Path) -> None:
        if one.suffix == ".part":
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(one, other)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(PermissionError), atomic_folder(tmp_path / "set"):
        pass
    assert everything(tmp_path) == {"set/a.bin": b"old"}
    assert [found.name for found in tmp_path.iterdir()] == ["set"]


def test_the_folder_exists_at_every_moment(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    if not files._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("names can't be swapped here")
    path, missed, done = tmp_path / "set", list[int](), threading.Event()

    def write(number: int) -> None:
        with atomic_folder(path) as part:
            (part / "a.bin").write_bytes(bytes([number]))

    def read() -> None:
        while not done.is_set():
            if not (path / "a.bin").exists():
                missed.append(1)

    write(0)
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        write(number)
    done.set()
    reader.join()
    assert not missed


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_hashes(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * size)
    assert sha256_of(tmp_path / "a.bin") == hashlib.sha256(b"x" * size).hexdigest()


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed to the disk and what is renamed, in order; a temporary name is shown as `part`."""
    noted: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flushed(handle: int) -> None:
        noted.append(f"flush {_short(os.readlink(f'/proc/self/fd/{handle}'))}")
        fsync(handle)

    def renamed(old: Path, new: Path) -> None:
        noted.append(f"rename {_short(str(old))} to {_short(str(new))}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    return noted


def _short(path: str) -> str:
    head, _, name = path.rpartition("/")
    return "part" if name.endswith(".part") else f"part/{name}" if head.endswith(".part") else name


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the test reads names of open files from /proc")
def test_a_file_is_on_the_disk_before_its_rename_and_the_folder_after(tmp_path: Path, order: list[str]) -> None:
    write_json(tmp_path / "a.json", 1)
    assert order == ["flush part", "rename part to a.json", f"flush {tmp_path.name}"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the test reads names of open files from /proc")
def test_all_of_a_folder_is_on_the_disk_before_its_rename(tmp_path: Path, order: list[str]) -> None:
    with atomic_folder(tmp_path / "set") as part:
        (part / "deep").mkdir()
        (part / "a.bin").write_bytes(b"a")
        (part / "deep/b.bin").write_bytes(b"b")
    renamed = order.index("rename part to set")
    assert sorted(order[:renamed]) == ["flush b.bin", "flush part", "flush part/a.bin", "flush part/deep"]
    assert order[renamed + 1 :] == [f"flush {tmp_path.name}"]


def test_a_disk_that_is_full_when_flushed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.json").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_json(tmp_path / "a.json", 1)
    assert caught.value.filename == str(tmp_path / "a.json")
    assert everything(tmp_path) == {"a.json": b"old"}


def test_a_file_system_that_cannot_flush_a_folder_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(handle: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refused)
    write_json(tmp_path / "a.json", 1)
    assert read_json(tmp_path / "a.json") == 1
