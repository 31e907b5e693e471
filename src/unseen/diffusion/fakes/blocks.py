"""The checkpoint of a set of made pictures: a file for each finished batch, from which a killed run resumes."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.sealed import read_sealed, write_sealed
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow

_COLUMNS = pa.schema(
    [
        ("row", pa.struct(list(SCHEMA))),
        ("notes", pa.list_(pa.string())),
        ("dropped", pa.list_(pa.string())),
        ("distances", pa.list_(pa.float64())),
    ]
)


@dataclass(frozen=True)
class Made:
    """What became of one real: a stored fake, or the reason why there is none; and the Gram distance of each try,
    which is infinite for a picture that can't be used."""

    outcome: FaceRow | Dropped
    distances: tuple[float, ...]


def _record(made: Made) -> dict[str, object]:
    outcome = made.outcome
    if isinstance(outcome, Dropped):
        found: dict[str, object] = {"row": None, "notes": None}
        found["dropped"] = [outcome.path, outcome.reason, outcome.detail]
    else:
        found = {"row": outcome.as_record(), "notes": list(outcome.notes), "dropped": None}
    return found | {"distances": list(made.distances)}


class Blocks:
    """The finished batches of a set, in a folder whose name is a hash of everything that they depend on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, number: int) -> Path:
        """The file of a batch."""
        return self.folder / f"batch-{number:07d}.parquet"

    def changed_ns(self) -> int:
        """When a batch was last added, in nanoseconds since 1970; 0 if there is none."""
        try:
            return self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def read(self, number: int) -> list[Made] | None:
        """The pictures of a batch; None if it is not there, or damaged: then the file is also renamed."""
        content = read_sealed(self.file(number), "its pictures are made again")
        if content is None:
            return None
        return [
            Made(
                Dropped(*found["dropped"]) if found["dropped"] else FaceRow.from_record(found["row"], found["notes"]),
                tuple(found["distances"]),
            )
            for found in pq.read_table(pa.BufferReader(content)).to_pylist()
        ]

    def write(self, number: int, made: Sequence[Made]) -> None:
        """Write a batch by rename."""
        content = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(list(map(_record, made)), schema=_COLUMNS), content, compression="none")
        write_sealed(self.file(number), content.getvalue().to_pybytes())

    def clear(self) -> None:
        """Remove the checkpoint, after the set is written."""
        shutil.rmtree(self.folder, ignore_errors=True)
