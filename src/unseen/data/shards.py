"""The format of stored faces: Parquet shards, an index without the images, and the set's card.

A set is a folder: `part-00000.parquet` ..., `index.parquet`, `set.json` (name, role, counts, and the side of its
crops) and `dropped.csv` (dropped pictures with reasons). Role and side are checked again when a set is opened.

The crops of a native set have sides of their own: `side` is then the largest that params allow, and `native` is true.
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
from unseen.data.arrow_rows import table_of
from unseen.data.face_rows import IGNORED, SCHEMA, Dropped, FaceRow, side_of
from unseen.data.sides import AGAIN, Sides, described
from unseen.data.splits import Split

ROWS_PER_SHARD = 4096

READ_BUFFER = 2**18
"""Bytes of a column that are read at a time."""

INDEX_SCHEMA = SCHEMA.remove(SCHEMA.get_field_index("image"))
"""Of `index.parquet`: the rows of a set without their images."""


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


@dataclass(frozen=True)
class FaceSet:
    """A stored face set; see `Sides`."""

    folder: Path
    name: str
    use: Role
    label: int
    side: int
    counts: dict[str, Any]
    native: bool = False

    def of_sides(self) -> dict[str, Any]:
        """The entries of the card about sides, for a set that is a selection of this one."""
        return {"side": self.side, **({"native": True} if self.native else {})}

    def fingerprint(self) -> list[str]:
        """SHA-256 of each shard."""
        return [sha256_of(shard) for shard in self._shards()]

    def index(self, splits: Sequence[Split], columns: Sequence[str]) -> dict[str, list[Any]]:
        """Columns of the index, as lists: rows of some splits, in stored order."""
        found: dict[str, list[Any]] = {column: [] for column in columns}
        for batch in self.index_batches(splits, columns, ROWS_PER_SHARD):
            for column, values in found.items():
                values += batch[column].to_pylist()
        return found

    def index_batches(self, splits: Sequence[Split], columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """Yield columns of the index in batches of at most `size` rows of some splits, in stored order."""
        return _rows_of(self.folder / "index.parquet", splits, columns, size)

    def batches(self, splits: Sequence[Split], columns: Sequence[str], size: int = 1024) -> Iterator[pa.RecordBatch]:
        """Yield batches of at most `size` rows of some splits, in stored order. Does not load the whole set.

        Raises:
            UserError: the first crop of a batch has a side that the set's card does not allow.
        """
        for shard in self._shards():
            for batch in _rows_of(shard, splits, columns, size):
                if batch.num_rows:
                    self._check_side(shard, batch)
                    yield batch

    def tables(self, splits: Sequence[Split]) -> Iterator[pa.Table]:
        """Yield all columns of the rows of some splits, a table for each shard that has such rows, in one chunk.

        Raises:
            UserError: see `batches`.
        """
        for shard in self._shards():
            batches = [batch for batch in _rows_of(shard, splits, SCHEMA.names, 512) if batch.num_rows]
            if batches:
                self._check_side(shard, batches[0])
                yield pa.Table.from_batches(batches).combine_chunks()

    def _shards(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _check_side(self, shard: Path, batch: pa.RecordBatch) -> None:
        """Check the side of the first crop of a batch with images."""
        if "image" not in batch.schema.names:
            return
        found = side_of(batch["image"][0]["bytes"].as_py())
        if found != self.side and not (self.native and found and found < self.side):
            raise UserError(f"{shard}: a crop of {found} pixels in a set of {self.side}; {AGAIN}")


def _rows_of(file: Path, splits: Sequence[Split], columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `size` rows of a Parquet file: of these the rows of some splits, which may be none."""
    wanted = pa.array(list(splits), pa.string())
    # A small buffer and no reading ahead: otherwise whole columns are in memory.
    with pq.ParquetFile(file, buffer_size=READ_BUFFER, pre_buffer=False) as opened:
        for batch in opened.iter_batches(size, use_threads=False, columns=list(dict.fromkeys([*columns, "split"]))):
            yield batch.filter(pc.is_in(batch["split"], wanted)).select(list(columns))


def check_sides(sets: Sequence[FaceSet], wanted: Sides | None = None, of: str = "`faces`") -> None:
    """Check that the crops of all sets have the same side, or that all sets are native with the same largest side.

    Args:
        sets: any sets.
        wanted: the required sides; None for those of the first set.
        of: what requires them, for the message.

    Raises:
        UserError: a set has others.
    """
    if not sets:
        return
    if wanted is None:
        wanted, of = sets[0], str(sets[0].folder)
    for face_set in sets:
        if (face_set.side, face_set.native) != (wanted.side, wanted.native):
            has, needs = described(face_set), described(wanted)
            raise UserError(f"{face_set.folder}: has crops of {has}, but {of} has {needs}; {AGAIN}")


def open_set(folder: Path) -> FaceSet:
    """Open the set in a folder.

    Raises:
        UserError: there is no set, or an older version wrote it.
    """
    try:
        card = read_json(folder / "set.json")
    except FileNotFoundError:
        raise UserError(f"{folder}: no face set here; {advice(folder)}") from None
    if "side" not in card:
        raise UserError(f"{folder}: set.json has no `side`, so an older version wrote it; run `dvc repro`")
    return FaceSet(
        folder, card["name"], card["use"], card["label"], card["side"], card["counts"], card.get("native", False)
    )


def _below(root: Path) -> list[FaceSet]:
    cards = sorted(root.rglob("set.json"))
    return [open_set(card.parent) for card in cards if ".part" not in str(card.relative_to(root))]


def sets_below(root: Path) -> list[FaceSet]:
    """Open every set below a folder, sorted by path.

    Raises:
        UserError: there is no set, or their crops have different sides.
    """
    found = _below(root)
    if not found:
        raise UserError(f"{root}: no face set below it; {advice(root)}")
    check_sides(found)
    return found


def all_sets(data: Path) -> list[FaceSet]:
    """Open every set of faces and of fakes. There may be no fakes."""
    found = sets_below(data / "faces") + _below(data / "fakes")
    check_sides(found)
    return found


def sets_for_fitting(root: Path) -> list[FaceSet]:
    """Open the sets below a folder for training or calibration.

    Raises:
        UserError: a set is held out.
    """
    found = sets_below(root)
    for face_set in found:
        if face_set.use != "train":
            raise UserError(
                f"{face_set.folder}: `{face_set.name}` is held out and must not be trained on; "
                "remove its folder from `train_on`, or move the set to another folder"
            )
    return found


def measurable(face_set: FaceSet) -> list[Split]:
    """The splits of a set that may be used for evaluation: only `test` if the set is for training."""
    return ["test"] if face_set.use == "train" else ["train", "val", "test"]
