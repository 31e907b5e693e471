"""Atomic writes of files and folders, and the SHA-256 of a file.

A write is flushed to the disk before its rename, and the folder after it. Without that, a computer that loses power
soon after a rename may keep the new name and lose the content: a file of zeros or of no bytes.
"""

import ctypes
import errno
import glob
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unseen.core.errors import UserError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # from Linux's fcntl.h and fs.h

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a write that fails because the disk, a quota or a file size limit is full."""


def sha256_of(path: Path) -> str:
    """The hex SHA-256 of a file's bytes, read in chunks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the file name to an error of a full disk: an OSError of a write has none."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)
        raise


def check_replaceable(path: Path, folder: bool = False) -> None:
    """Check that a rename over `path` replaces only a regular file, or nothing.

    A rename would also replace a device, a named pipe or a symbolic link. A link is neither followed nor replaced,
    because its user may mean either.

    Args:
        path: the target; it may be missing.
        folder: whether a folder is written there, in place of a file.

    Raises:
        UserError: something else is at `path`.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(mode):
        raise UserError(f"{path}: a symbolic link, which is not replaced; give the path that it leads to")
    if folder and not stat.S_ISDIR(mode):
        raise UserError(f"{path}: not a folder, so it is not replaced by one; move it away or give another path")
    if stat.S_ISDIR(mode) and not folder:
        raise UserError(f"{path}: a folder; give the path of a file")
    if not folder and not stat.S_ISREG(mode):
        raise UserError(f"{path}: not a regular file, so it is not replaced; give another path")


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk (fsync(2))."""
    if sys.platform == "win32":
        return  # it can't open a folder, and flushes a file only through a handle that may write
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some file systems, for example network ones, can't flush a folder
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _flush_tree(folder: Path) -> None:
    """Flush every file and folder below `folder`, and `folder` itself."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if not (found := Path(parent, name)).is_symlink():
                _flush(found)
        _flush(Path(parent))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it is renamed to `path`, otherwise it is removed.

    Missing parent folders are created. If the disk is full, the OSError names `path`.

    Raises:
        UserError: `path` is a folder, a symbolic link or a special file; see `check_replaceable`.
    """
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        with _named(path):
            yield part
            part.chmod(0o644)
            _flush(part)
        check_replaceable(path)
        os.replace(part, path)
        _flush(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names atomically. Returns False if the system or the file system can't do that."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "renameat2"):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0  # type: ignore[no-any-return]


def _replace_folder(part: Path, path: Path, aside: Path) -> None:
    """Replace the folder `path` by `part`. The old folder is removed only after the new one is in its place."""
    if not path.exists():
        os.replace(part, path)
    elif not _exchange(part, path):  # afterwards `part` is the old folder, which the caller removes
        os.replace(path, aside)
        try:
            os.replace(part, path)
        finally:
            restore_folder(path)


def restore_folder(path: Path) -> None:
    """Restore a folder that a killed `atomic_folder` had renamed but not yet replaced.

    `atomic_folder` calls this first. It has an effect only where two folders can't be swapped atomically.
    """
    aside = _aside(path)
    if not aside.exists():
        return
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.replace(aside, path)


def _aside(path: Path) -> Path:
    return path.parent / f".{path.name}.old"


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`. On success it replaces `path`, otherwise it is removed.

    The old folder or the new one exists at every moment, so a killed run loses neither. The swap is atomic on Linux;
    on other systems `path` is missing between two renames.
    Temporary folders of a killed run are restored or removed, so only one run at a time may write a folder.

    Raises:
        UserError: `path` is a symbolic link, or something else that is not a folder; see `check_replaceable`.
    """
    check_replaceable(path, folder=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        with _named(path):
            yield part
            part.chmod(0o755)
            _flush_tree(part)
        check_replaceable(path, folder=True)
        _replace_folder(part, path, _aside(path))
        _flush(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
