"""The format of stored faces: Parquet shards, an index without the images, and the set's card.

A set is a folder: `part-00000.parquet` ..., `index.parquet`, `set.json` (name, role, counts, and the side of its
crops) and `dropped.csv` (dropped pictures with reasons). Role and side are checked again when a set is opened.

The crops of a native set have sides of their own: `side` is then the largest that params allow, and `native` is true.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.json_files import read_json
from unseen.core.recovery import advice
from unseen.core.settings import Role
from unseen.data.face_rows import SCHEMA, side_of
from unseen.data.sides import AGAIN, Sides, described
from unseen.data.splits import Split

ROWS_PER_SHARD = 4096

READ_BUFFER = 2**18
"""Bytes of a column that are read at a time."""

INDEX_SCHEMA = SCHEMA.remove(SCHEMA.get_field_index("image"))
"""Of `index.parquet`: the rows of a set without their images."""


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
