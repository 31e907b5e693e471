"""Files that end in a SHA-256 of their bytes, so that damage is noticed."""

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from unseen.core.files import atomic_file

_SEAL = hashlib.sha256().digest_size


def set_aside(path: Path, instead: str) -> None:
    """Rename a damaged file so that it is not read again, and print a line about it.

    Args:
        path: the file; its new name ends in `.damaged`.
        instead: what happens next, as the end of the printed line.
    """
    aside = path.with_name(f"{path.name}.damaged")
    with suppress(FileNotFoundError):  # another process of the same training has renamed it
        os.replace(path, aside)
    print(f"{path}: damaged; renamed to {aside.name}, {instead}", file=sys.stderr)


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write bytes followed by their SHA-256, for `read_sealed`."""
    with atomic_file(path) as part, part.open("wb") as file:
        file.write(content)
        file.write(hashlib.sha256(content).digest())


def read_sealed(path: Path, instead: str) -> bytes | None:
    """Read the bytes that `write_sealed` wrote. Returns None if the file is missing or damaged.

    A damaged file is renamed and reported, see `set_aside`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max(0, os.fstat(file.fileno()).st_size - _SEAL))
            seal = file.read()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content).digest() == seal:
        return content
    set_aside(path, instead)
    return None
