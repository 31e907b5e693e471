"""Find the row of a table that belongs to a picture."""

from collections.abc import Mapping

from unseen.core.picture_names import end_of, folded, is_rooted, normal

Row = dict[str, str]

SEVERAL = ""
"""Returned instead of a row's name if several rows match."""


def row_name(name: str) -> str:
    """The normal form of a picture's name in a table.

    A name that starts outside of the archive, such as `/home/me/faces/a.jpg` or `..\\faces\\a.jpg`, begins with `/`.
    """
    found = normal(name)
    while found.startswith("../"):
        found = found[3:]
    return f"/{found}" if is_rooted(name) else found


class TableRows:
    """The rows of a table by picture name, in the form of `row_name`."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows
        self._rooted = [name for name in rows if name.startswith("/")]
        self._folded: dict[str, str] = {}
        for name in rows:
            if (form := folded(name)) != name:
                self._folded[form] = SEVERAL if form in self._folded or form in rows else name
        self._ends: dict[int, dict[str, str]] = {}

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def find(self, path: str) -> str | None:
        """Find the name of a picture's row.

        It is the full path, or else its longest end that is in the table, or else a name that starts outside of the
        archive and ends with the full path. The suffix is case-insensitive and may be missing in the table.

        Args:
            path: the picture's name in the archive.

        Returns:
            The name; None if no row matches; `SEVERAL` if more than one matches.
        """
        path = normal(path)
        parts = path.split("/")
        for first in range(len(parts)):
            for end in _forms("/".join(parts[first:])):
                if end in self._rows:
                    return end
                if folded(end) in self._rows:
                    return folded(end)
                if folded(end) in self._folded:
                    return self._folded[folded(end)]
        return self._outside(path, len(parts))

    def _outside(self, path: str, depth: int) -> str | None:
        """The rooted name that ends with the full path."""
        if not self._rooted:
            return None
        if depth not in self._ends:
            ends = self._ends[depth] = {}
            for name in self._rooted:
                end = folded(end_of(name, depth))
                ends[end] = SEVERAL if end in ends else name
        found = (self._ends[depth].get(folded(end)) for end in _forms(path))
        return next((name for name in found if name is not None), None)


def _forms(path: str) -> tuple[str, ...]:
    """A path with and without its suffix."""
    folder, slash, file = path.rpartition("/")
    stem, point, _ = file.rpartition(".")
    return (path, f"{folder}{slash}{stem}") if point and stem else (path,)
