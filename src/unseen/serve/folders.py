"""List the pictures in folders, in constant memory for each folder, and count the files that are skipped."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from unseen.core.errors import printable
from unseen.core.picture_names import is_picture, is_system_file

_KINDS = {
    "others": ("file", "{} without an image suffix"),
    "system": ("file", "{} hidden or of the system"),
    "links": ("link", "{} to a folder, not followed"),
}


@dataclass
class Skipped:
    """What `walk` has skipped so far.

    Attributes:
        found: for each kind, the number of files and the alphabetically first name. `others` have no image suffix,
            `system` are hidden or made by operating systems, `links` are links to folders.
        closed: errors of folders that can't be opened.
    """

    found: dict[str, tuple[int, str]] = field(default_factory=dict)
    closed: list[OSError] = field(default_factory=list)

    def add(self, kind: str, name: str) -> None:
        """Count a file."""
        number, example = self.found.get(kind, (0, name))
        self.found[kind] = (number + 1, min(example, name))

    def text(self) -> str:
        """Summarise each kind with its number and an example; empty if nothing was skipped."""
        said = []
        for kind, (what, text) in _KINDS.items():
            if kind in self.found:
                number, example = self.found[kind]
                counted = f"{number} {what}{'' if number == 1 else 's'}"
                said.append(f"{text.format(counted)} (such as {printable(example)})")
        return ", ".join(said)


def _entries(folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and kind (`file`, `folder`, `link`) of the entries of one folder, sorted by full path."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            kind = "file" if not is_folder else "link" if entry.is_symlink() else "folder"
            found.append((f"{entry.name}/" if kind == "folder" else entry.name, kind))
    found.sort()
    return iter(found)


def walk(folder: str, skipped: Skipped) -> Iterator[str]:
    """Yield the pictures in a folder, at any depth, sorted by path. Paths begin with the folder as given.

    A folder that can't be opened is yielded too, so that reading it raises the error. Memory holds only the names in
    the folders between the given one and the current file.

    Args:
        folder: the folder to list.
        skipped: counts the entries that are not yielded.
    """
    waiting: list[tuple[str, Iterator[tuple[str, str]]]] = []

    def enter(path: str) -> str | None:
        try:
            waiting.append((path, _entries(path)))
        except OSError as error:
            skipped.closed.append(error)
            return path
        return None

    if closed := enter(folder):
        yield closed
    while waiting:
        parent, entries = waiting[-1]
        if (entry := next(entries, None)) is None:
            waiting.pop()
            continue
        name, kind = entry[0].rstrip("/"), entry[1]
        path = os.path.join(parent, name)
        if kind == "folder":
            if closed := enter(path):
                yield closed
        elif kind == "link":
            skipped.add("links", name)
        elif is_system_file(below := os.path.relpath(path, folder)):
            skipped.add("system", name)
        elif is_picture(below):
            yield path
        else:
            skipped.add("others", name)


def as_text(name: str) -> str:
    """Convert a file name to valid UTF-8, with invalid bytes escaped. The result does not depend on the locale."""
    try:
        return os.fsencode(name).decode()
    except UnicodeError:
        return name.encode("utf-8", "backslashreplace").decode()
