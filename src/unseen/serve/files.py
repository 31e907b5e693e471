"""Expand the arguments of a command (files, folders and globs) to files, in constant memory."""

import glob
import os
import time
from collections.abc import Iterator, Sequence

from unseen.core.errors import printable
from unseen.core.picture_names import is_left_by_system, is_picture
from unseen.serve.folders import Skipped, walk


class Files:
    """An iterable of unique files, in the order of the arguments.

    An argument that exists is not treated as a glob, so `a[1].jpg` may be a file. A glob may match folders. An
    argument without matches is yielded as it is. In a folder, links to other folders are not followed. Files of
    operating systems among the arguments are skipped, unless there are no other arguments. Each iteration lists the
    folders again.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._skipped: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        self._skipped = {}
        left = [one for one in self._arguments if os.path.exists(one) and is_left_by_system(one)]
        given = [one for one in self._arguments if one not in left] or left
        if left and given is not left:
            number = f"{len(left)} argument{'' if len(left) == 1 else 's'}"
            self._skipped[""] = f"skipped {number} of the system (such as {printable(left[0])})"
        files: set[str] = set()
        folders: list[str] = []
        for argument in given:
            some = False
            for match in [argument] if os.path.exists(argument) else sorted(glob.glob(argument, recursive=True)):
                for path in self._in_folder(match) if os.path.isdir(match) and given is not left else [match]:
                    some = True
                    if not _listed(full := os.path.abspath(path), files, folders):
                        yield path
                if os.path.isdir(match):
                    folders.append(os.path.abspath(match))
                else:
                    files.add(os.path.abspath(match))
            if not some and (full := os.path.abspath(argument)) not in files:
                files.add(full)
                yield argument

    def _in_folder(self, folder: str) -> Iterator[str]:
        skipped = Skipped()
        yield from walk(folder, skipped)
        if text := skipped.text():
            self._skipped.setdefault(os.path.abspath(folder), f"{printable(folder)}: skipped {text}")

    def skipped(self) -> list[str]:
        """Return, after an iteration, a line for each folder with skipped files and one for skipped arguments."""
        return [self._skipped[key] for key in sorted(self._skipped, key=lambda key: key == "")]

    def count_within(self, seconds: float) -> int | None:
        """Count the files, or return None if this takes longer than `seconds`."""
        end, number = time.monotonic() + seconds, 0
        for _ in Files(self._arguments):
            number += 1
            if number % 256 == 0 and time.monotonic() > end:
                return None
        return number


def _listed(full: str, files: set[str], folders: list[str]) -> bool:
    """Whether an absolute path is an earlier argument, or lies in a folder that is an earlier argument."""
    return full in files or any(_in(full, folder) for folder in folders)


def _in(full: str, folder: str) -> bool:
    """Whether `walk` yields an absolute path for an absolute folder."""
    if (
        full == folder
        or not full.startswith(os.path.join(folder, ""))
        or not is_picture(os.path.relpath(full, folder))
    ):
        return False
    parent = os.path.dirname(full)
    while parent != folder:
        if os.path.islink(parent):
            return False
        parent = os.path.dirname(parent)
    return True
