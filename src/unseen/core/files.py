"""Files that are there whole or not at all."""

import ctypes
import errno
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's fcntl.h and fs.h

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of a write for which there is no space, or that a limit does not allow."""

_SEAL = hashlib.sha256().digest_size


def sha256_of(path: Path) -> str:
    """The hex SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have an error of a disk that takes no more say where: that of a write names no file."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed to `path`, otherwise removed.

    Where the system refuses to write, its error names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        with _named(path):
            yield part
        part.chmod(0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system can't."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "renameat2"):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0  # type: ignore[no-any-return]


def _replace_folder(part: Path, path: Path, aside: Path) -> None:
    """Put the folder `part` in the place of `path`; the old one is never removed before the new one is there."""
    if not path.exists():
        os.replace(part, path)
    elif not _exchange(part, path):  # afterwards `part` is the old folder, which the caller removes
        os.replace(path, aside)
        try:
            os.replace(part, path)
        finally:
            restore_folder(path)


def restore_folder(path: Path) -> None:
    """Put an old folder back that a killed `atomic_folder` had moved aside and not yet replaced.

    `atomic_folder` calls it first. It matters only where two folders can't be swapped in one step.
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
    """Yield a temporary folder beside `path`; on success it takes the place of `path`, otherwise it is removed.

    At every moment there is the old folder or the new one: a kill loses neither. Where the file system can swap two
    names (Linux), a reader always finds one of them; elsewhere there is a moment between two renames.
    What a killed run left beside `path` is restored or removed: one run at a time writes a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        with _named(path):
            yield part
        part.chmod(0o755)
        _replace_folder(part, path, _aside(path))
    finally:
        shutil.rmtree(part, ignore_errors=True)


def set_aside(path: Path, instead: str) -> None:
    """Rename a damaged file so that it is not read again, and say so in one line.

    Args:
        path: the file; its new name ends in `.damaged`.
        instead: what happens now, for the line.
    """
    aside = path.with_name(f"{path.name}.damaged")
    with suppress(FileNotFoundError):  # another process of the same training was first
        os.replace(path, aside)
    print(f"{path}: damaged; renamed to {aside.name}, {instead}", file=sys.stderr)


def write_sealed(path: Path, content: bytes) -> None:
    """Write bytes with their SHA-256 behind them, for `read_sealed`."""
    with atomic_file(path) as part, part.open("wb") as file:
        file.write(content)
        file.write(hashlib.sha256(content).digest())


def read_sealed(path: Path, instead: str) -> bytes | None:
    """The bytes that `write_sealed` wrote; None where there are none, or where they are damaged.

    A damaged file is set aside; `instead` says what happens now, for the line that is printed.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    content, seal = stored[:-_SEAL], stored[-_SEAL:]
    if hashlib.sha256(content).digest() == seal:
        return content
    set_aside(path, instead)
    return None


class CsvLines:
    """A text file for `csv.writer`, without its option `lineterminator`.

    Rows end in a line feed alone, and a carriage return in a name is quoted, which Python 3.11 does only where rows
    end in one.
    """

    def __init__(self, handle: TextIO) -> None:
        """`handle` is opened with `newline=""`."""
        self._handle = handle

    def write(self, row: str) -> int:
        """Write one row, which ends in a carriage return and a line feed."""
        return self._handle.write(row.removesuffix("\r\n") + "\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, the same bytes for the same value."""
    with atomic_file(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same data with floats at six decimals: what a reader compares, without the noise of the last bits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    # adding 0.0 turns -0.0 into 0.0: the sign of noise is noise
    return round(value, 6) + 0.0 if isinstance(value, float) else value


def write_metrics(path: Path, value: Any) -> None:
    """Write metrics as JSON, floats at six decimals."""
    write_json(path, rounded(value))


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
