"""Checks of a path that a user gives for an output, before anything is computed or fetched."""

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import check_replaceable

LONGEST_SUFFIX = "." * 32
"""As long as what is added to the name of an output in temporary files and in files beside it, such as
`.a.csv.meta.json.abcdefgh.part`."""


def check_output(path: Path, what: str, suffixes: Sequence[str] = (), inputs: Iterable[Path] = ()) -> None:
    """Check that a file can be written at `path` and replaces nothing but an earlier output.

    Args:
        path: as the user gave it.
        what: what is written, in the plural, for messages: `predictions`.
        suffixes: allowed endings of its name, such as `.csv`, in any case; empty for any.
        inputs: files that the command reads.

    Raises:
        UserError: the name is too long, the parent folder does not exist, the name ends otherwise, `path` is an
            input, or it is something that must not be replaced.
    """
    try:
        path.with_name(path.name + LONGEST_SUFFIX).lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"{path}: the name is too long; give {what} a shorter one") from None
    if suffixes and path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: give {what} a file name that ends in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        if path.parent.exists():
            raise UserError(f"{path}: {path.parent} is not a folder; give another path")
        raise UserError(f"{path}: the folder {path.parent} does not exist; create it, or give another path")
    if any(_same(path, one) for one in inputs):
        raise UserError(f"{path}: is an input, which would be lost; give {what} another path")
    check_replaceable(path)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also by links."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
