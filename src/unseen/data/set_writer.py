"""Write a face set; `unseen.data.shards` describes its files."""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from unseen.core.csv_text import CsvLines
from unseen.core.errors import UserError, printable
from unseen.core.files import atomic_folder
from unseen.core.json_files import read_json, write_json
from unseen.core.settings import Role
from unseen.data.arrow_rows import table_of
from unseen.data.face_rows import IGNORED, Dropped, FaceRow, side_of
from unseen.data.shards import INDEX_SCHEMA, ROWS_PER_SHARD


def _by_reason(dropped: Iterable[Dropped]) -> dict[str, int]:
    return dict(sorted(Counter(item.reason for item in dropped).items()))


def _example(item: Dropped) -> str:
    return f"{item.path}: {item.detail}" if item.detail else item.path


def dropped_summary(folder: Path) -> str:
    """One line about the dropped and ignored files of a set, by reason with an example; empty if there are none."""
    card = read_json(folder / "set.json")
    parts = []
    for how in ("dropped", "ignored"):
        parts += [
            f"{how} {n} as {reason} (such as {printable(card['examples'][reason])})"
            for reason, n in card["counts"][how].items()
        ]
    return f"{card['counts']['kept']} of {card['counts']['read']} pictures kept; {', '.join(parts)}" if parts else ""


def write_set(
    folder: Path,
    name: str,
    use: Role,
    label: int,
    items: Iterable[FaceRow | Dropped],
    native: int | None = None,
) -> dict[str, Any]:
    """Write a set, in the given order, and return its counts.

    Args:
        folder: the set's folder, written atomically.
        name: the set's name.
        use: the set's role.
        label: 0 real, 1 fake, for all rows.
        items: faces and dropped pictures; read lazily, with one shard in memory.
        native: of a native set, the largest side of its crops in pixels; None for crops of equal side.

    Returns:
        `read`, `kept`, `dropped` and `ignored` (by reason; ignored files are not pictures and do not count as read),
        `splits` (pictures by split), `identities` (by split), `notes`.

    Raises:
        UserError: there is no face, or the crops are not squares of equal side, or not native ones.
    """
    dropped: list[Dropped] = []
    ignored: list[Dropped] = []
    splits: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    notes: Counter[str] = Counter()
    sides: set[int | None] = set()
    with atomic_folder(folder) as part:
        index = pq.ParquetWriter(part / "index.parquet", INDEX_SCHEMA)

        def flush(rows: list[FaceRow], number: int) -> None:
            table = table_of(rows)
            pq.write_table(table, part / f"part-{number:05d}.parquet", compression="none")
            index.write_table(table.select(INDEX_SCHEMA.names))

        rows: list[FaceRow] = []
        shards = 0
        for item in items:
            if isinstance(item, Dropped):
                (ignored if item.reason in IGNORED else dropped).append(item)
                continue
            splits[item.split] += 1
            people.setdefault(item.split, set()).add(item.identity)
            notes.update(item.notes)
            sides.add(side_of(item.jpeg))
            rows.append(item)
            if len(rows) == ROWS_PER_SHARD:
                flush(rows, shards)
                rows, shards = [], shards + 1
        if rows:
            flush(rows, shards)
        index.close()
        counts = {
            "read": sum(splits.values()) + len(dropped),
            "kept": sum(splits.values()),
            "dropped": _by_reason(dropped),
            "ignored": _by_reason(ignored),
            "splits": dict(sorted(splits.items())),
            "identities": {split: len(members) for split, members in sorted(people.items())},
            "notes": dict(sorted(notes.items())),
        }
        examples = {item.reason: _example(item) for item in reversed([*dropped, *ignored])}
        if not counts["kept"]:
            read = "no pictures"
            if dropped:
                such = examples[Counter(item.reason for item in dropped).most_common(1)[0][0]]
                read = f"its {counts['read']} pictures (dropped: {counts['dropped']}, such as {such})"
            raise UserError(f"`{name}`: no face was stored from {read}; correct its block in params")
        side = _side(name, sides, native)
        with (part / "dropped.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(CsvLines(handle))
            writer.writerow(["path", "reason", "detail"])
            for item in [*dropped, *ignored]:
                writer.writerow([printable(item.path), item.reason, printable(item.detail)])
        card = {"name": name, "use": use, "label": label, **side, "counts": counts, "examples": examples}
        write_json(part / "set.json", card)
    return counts


def _side(name: str, sides: set[int | None], native: int | None) -> dict[str, Any]:
    """The entries of a set's card about the sides of its crops; see `write_set`."""
    found = [side for side in sides if side is not None]
    if len(found) < len(sides) or (native is None and len(sides) > 1):
        raise UserError(f"`{name}`: its crops are not squares of equal side: {sorted(map(str, sides))}")
    if native is None:
        return {"side": found[0]}
    if max(found) > native:
        raise UserError(f"`{name}`: a crop has {max(found)} pixels, more than `faces.side`, {native}")
    return {"side": native, "native": True}
