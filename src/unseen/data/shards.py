"""The one format in which a face is stored: Parquet shards, an index without bytes, and the set's card.

A set is a folder: `part-00000.parquet` ..., `index.parquet`, `set.json` (its name, role, counts, and the side of its
crops) and `dropped.csv` (what was left out and why). Role and side are checked here again, where files are opened.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unseen.core.errors import UserError, printable
from unseen.core.files import CsvLines, atomic_folder, read_json, sha256_of, write_json
from unseen.core.recovery import advice
from unseen.core.settings import Role
from unseen.data.face_rows import IGNORED, SCHEMA, Dropped, FaceRow, side_of
from unseen.data.splits import Split

ROWS_PER_SHARD = 4096

INDEX_COLUMNS = [name for name in SCHEMA.names if name != "image"]


def _by_reason(dropped: Iterable[Dropped]) -> dict[str, int]:
    return dict(sorted(Counter(item.reason for item in dropped).items()))


def _example(item: Dropped) -> str:
    return f"{item.path}: {item.detail}" if item.detail else item.path


def left_out(folder: Path) -> str:
    """What did not become a face of a set, in one line: each reason with a count and an example."""
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
) -> dict[str, Any]:
    """Write a whole set, in the order given, and return its counts.

    Args:
        folder: the set's folder; it appears whole, at the end.
        name: the set's name.
        use: the role that is written on it.
        label: 0 real, 1 fake: all rows of a set share it.
        items: faces, and pictures that were dropped; read lazily, one shard in memory at a time.

    Returns:
        `read`, `kept`, `dropped` and `ignored` (by reason; what is ignored is no picture and not among those read),
        `splits` (pictures), `identities` (by split), `notes`.

    Raises:
        UserError: not one face came out, or the crops are not squares of one side.
    """
    dropped: list[Dropped] = []
    ignored: list[Dropped] = []
    splits: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    notes: Counter[str] = Counter()
    sides: set[int | None] = set()
    with atomic_folder(folder) as part:
        index = pq.ParquetWriter(part / "index.parquet", SCHEMA.remove(SCHEMA.get_field_index("image")))

        def flush(rows: list[FaceRow], number: int) -> None:
            table = pa.Table.from_pylist([row.as_record() for row in rows], schema=SCHEMA)
            pq.write_table(table, part / f"part-{number:05d}.parquet", compression="none")
            index.write_table(table.select(INDEX_COLUMNS))

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
            raise UserError(f"`{name}`: not one face came out of {read}; correct its block in params")
        if len(sides) > 1 or None in sides:
            raise UserError(f"`{name}`: its crops are not squares of one side: {sorted(map(str, sides))}")
        with (part / "dropped.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(CsvLines(handle))
            writer.writerow(["path", "reason", "detail"])
            for item in [*dropped, *ignored]:
                writer.writerow([printable(item.path), item.reason, printable(item.detail)])
        card = {"name": name, "use": use, "label": label, "side": sides.pop(), "counts": counts, "examples": examples}
        write_json(part / "set.json", card)
    return counts


@dataclass(frozen=True)
class FaceSet:
    """A set on disk."""

    folder: Path
    name: str
    use: Role
    label: int
    side: int
    counts: dict[str, Any]

    def fingerprint(self) -> list[str]:
        """SHA-256 of each shard: changes with every stored byte."""
        return [sha256_of(shard) for shard in sorted(self.folder.glob("part-*.parquet"))]

    def index(self, splits: Sequence[Split], columns: Sequence[str]) -> dict[str, list[Any]]:
        """Columns of the index, without the pictures: a list for each, rows of some splits in stored order."""
        table = pq.read_table(self.folder / "index.parquet", columns=list(dict.fromkeys([*columns, "split"])))
        chosen = table.filter(pc.is_in(table["split"], pa.array(list(splits), pa.string())))
        return {column: chosen[column].to_pylist() for column in columns}

    def batches(self, splits: Sequence[Split], columns: Sequence[str], size: int = 1024) -> Iterator[pa.RecordBatch]:
        """Rows of some splits, in stored order, `size` at most at a time, without loading the set.

        Raises:
            UserError: the first crop of a batch does not have the side that the set's card says.
        """
        wanted = pa.array(list(splits), pa.string())
        for shard in sorted(self.folder.glob("part-*.parquet")):
            for batch in pq.ParquetFile(shard).iter_batches(size, columns=[*columns, "split"]):
                chosen = batch.filter(pc.is_in(batch["split"], wanted))
                if not chosen.num_rows:
                    continue
                if "image" in columns and (found := side_of(chosen["image"][0]["bytes"].as_py())) != self.side:
                    raise UserError(f"{shard}: a crop of {found} pixels in a set of {self.side}; {AGAIN}")
                yield chosen.select(list(columns))


AGAIN = "make it again with `dvc repro --force --single-item STAGE@SET` (faces, generate or twins), then `dvc repro`"


def check_sides(sets: Sequence[FaceSet], side: int | None = None, of: str = "`faces.side`") -> None:
    """Sets that are used together hold crops of one side.

    Args:
        sets: any sets.
        side: what it must be; None: that of the first.
        of: whose side that is.

    Raises:
        UserError: names a set, its side, and what it should be.
    """
    if not sets:
        return
    wanted, by = (side, of) if side is not None else (sets[0].side, str(sets[0].folder))
    for face_set in sets:
        if face_set.side != wanted:
            raise UserError(
                f"{face_set.folder}: holds crops of {face_set.side} pixels, but {by} has {wanted}; {AGAIN}"
            )


def open_set(folder: Path) -> FaceSet:
    """The set in a folder.

    Raises:
        UserError: there is none, or one of an older version.
    """
    try:
        card = read_json(folder / "set.json")
    except FileNotFoundError:
        raise UserError(f"{folder}: no face set here; {advice(folder)}") from None
    if "side" not in card:
        raise UserError(f"{folder}: set.json has no `side`, so an older version wrote it; run `dvc repro`")
    return FaceSet(folder, card["name"], card["use"], card["label"], card["side"], card["counts"])


def _below(root: Path) -> list[FaceSet]:
    cards = sorted(root.rglob("set.json"))
    return [open_set(card.parent) for card in cards if ".part" not in str(card.relative_to(root))]


def sets_below(root: Path) -> list[FaceSet]:
    """Every set below a folder, sorted by path.

    Raises:
        UserError: there is none, or their crops differ in side.
    """
    found = _below(root)
    if not found:
        raise UserError(f"{root}: no face set below it; {advice(root)}")
    check_sides(found)
    return found


def all_sets(data: Path) -> list[FaceSet]:
    """Every set of faces and of fakes; a project may have no GAN and so no fakes of its own."""
    found = sets_below(data / "faces") + _below(data / "fakes")
    check_sides(found)
    return found


def sets_for_fitting(root: Path) -> list[FaceSet]:
    """The sets of a group, to fit something on.

    Raises:
        UserError: one of them is held out. Nothing held out may reach a weight, threshold or temperature.
    """
    found = sets_below(root)
    for face_set in found:
        if face_set.use != "train":
            raise UserError(
                f"{face_set.folder}: `{face_set.name}` is held out and may not train anything; "
                "take its group out of `train_on`, or move the set to another group"
            )
    return found


def measurable(face_set: FaceSet) -> list[Split]:
    """The splits of a set that may be measured on: of a set that trains, its test people and nobody else."""
    return ["test"] if face_set.use == "train" else ["train", "val", "test"]
