"""Rules of a source: the identity, split and attributes of a picture.

They are derived from the picture's name in the archive and from CSV files beside it. Nothing is decoded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.core.tables import canonical_text, table_of
from unseen.data.face_rows import Dropped
from unseen.data.splits import Split, SplitSettings, split_of
from unseen.faces.table_rows import SEVERAL, Row, TableRows, row_name
from unseen.sources.shared.archive import members
from unseen.sources.shared.reserved import check_picture
from unseen.sources.shared.settings import OTHERS, SourceSettings, TableSettings


@dataclass(frozen=True)
class Facts:
    """Identity, split and attributes of a picture, from its name and the table."""

    identity: str
    split: Split
    attributes: dict[str, str]


def identity_of(source: str, path: str, rule: str) -> str | None:
    """The identity of a picture, from its path; None if the rule does not match."""
    if not rule:
        return f"{source}/{path}"
    match = re.search(rule, path)
    return f"{source}/{match.group(1)}" if match and match.group(1) else None


def _rows(where: str, data: bytes, header: Sequence[str], needed: Iterable[str]) -> Iterator[Row]:
    """The rows of a table, with the needed columns; `header` names the columns of a CSV file without a header."""
    table = table_of(where, data, header)
    for column in needed:
        if column not in table.names:
            raise UserError(f"{where} has no column {column!r}; {did_you_mean(column, table.names)}")
    texts = [table.text(column) for column in needed]
    for values in zip(*texts, strict=True):
        yield dict(zip(needed, values, strict=True))


def read_metadata(archive: Path, inside: str, settings: TableSettings, also: Iterable[str] = ()) -> dict[str, Row]:
    """Read all matching CSV files, and return their rows by picture name in the form of `row_name`.

    Args:
        archive: the archive with the CSV files.
        inside: see `SourceSettings`.
        settings: names the files, the column of picture names, and the columns that select rows.
        also: other required columns.

    Raises:
        UserError: no file matches, a column is missing, or a picture has two different rows.
    """
    needed = (settings.name, *settings.where, *also)
    rows: dict[str, Row] = {}
    files = 0
    for member in members(archive, settings.file, inside):
        files += 1
        if member.refused:
            why = f"{member.refused} ({member.detail})" if member.detail else member.refused
            raise UserError(f"{archive.name}: {member.name}: {why}")
        for row in _rows(f"{archive.name}: {member.name}", member.data, settings.columns, needed):
            name = row_name(row[settings.name])
            if name.strip("/") and rows.setdefault(name, row) != row:
                raise UserError(f"{archive.name}: {member.name} names {name!r} twice, with different values")
    if not files:
        raise UserError(f"{archive.name}: no file matches `table.file`, {settings.file!r}")
    return rows


class Rules:
    """The rules of one source, with its table in memory."""

    def __init__(self, name: str, source: SourceSettings, archive: Path, splits: SplitSettings) -> None:
        """Read the table, if the source has one.

        Raises:
            UserError: see `read_table`.
        """
        self._name, self._source, self._splits = name, source, splits
        columns = [rule.column for rule in source.attributes.values() if rule.column]
        self._rows = TableRows(read_metadata(archive, source.inside, source.table, columns) if source.table else {})
        where = source.table.where if source.table else {}
        self._where = {column: canonical_text(value) for column, value in where.items()}
        self._taken: set[str] = set()

    def facts(self, path: str) -> Facts | Dropped | None:
        """Apply the rules to a picture.

        Args:
            path: its normal name in the archive.

        Returns:
            Its facts; the reason why it is dropped; or None if its row does not belong to this source.

        Raises:
            UserError: the picture belongs to a reserved set, which must not be trained on.
        """
        check_picture(self._name, self._source, path)
        row: Row = {}
        if self._source.table:
            key = self._rows.find(path)
            if key is None:
                return Dropped(path, "not_in_table", f"no row in {self._source.table.file}")
            if key == SEVERAL:
                return Dropped(path, "several_rows", f"more than one row in {self._source.table.file} matches")
            row = self._rows[key]
            if any(row[column] != value for column, value in self._where.items()):
                return None
            if key in self._taken:
                return Dropped(path, "row_taken", f"row {key!r} already belongs to another picture")
            self._taken.add(key)
        identity = identity_of(self._source.people_of or self._name, path, self._source.identity)
        if identity is None:
            return Dropped(path, "no_identity", f"`identity` does not match: {self._source.identity}")
        return Facts(identity, split_of(identity, self._splits), self._attributes(path, row))

    def _attributes(self, path: str, row: Row) -> dict[str, str]:
        """The attributes of a picture, without those that have no value."""
        found = {}
        for name, rule in self._source.attributes.items():
            text = row.get(rule.column, "") if rule.column else path
            match = re.search(rule.match, text or "")
            if match and match.group(1):
                value = rule.values.get(match.group(1), rule.values.get(OTHERS, match.group(1)))
                if value:
                    found[name] = value
        return found
