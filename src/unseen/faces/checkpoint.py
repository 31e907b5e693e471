"""Checkpoints of the preprocessing of an archive, from which a killed run resumes.

A block has the outcomes of consecutive pictures, kept and dropped, in a Parquet file followed by its hash. The
pictures of a damaged block are processed again.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.errors import UserError
from unseen.core.files import read_sealed, write_sealed
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow

BLOCK = 512
"""Outcomes per block: a killed run loses fewer than this."""

_COLUMNS = pa.schema(
    [("row", pa.struct(list(SCHEMA))), ("notes", pa.list_(pa.string())), ("dropped", pa.list_(pa.string()))]
)

Outcome = FaceRow | Dropped


def _record(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Dropped):
        return {"row": None, "notes": None, "dropped": [outcome.path, outcome.reason, outcome.detail]}
    return {"row": outcome.as_record(), "notes": list(outcome.notes), "dropped": None}


def _outcome(record: dict[str, Any]) -> Outcome:
    if record["dropped"] is not None:
        return Dropped(*record["dropped"])
    return FaceRow.from_record(record["row"], record["notes"])


class FaceCheckpoint:
    """The outcomes of a run, in a folder whose name is a hash of everything that they depend on."""

    def __init__(self, root: Path, title: str, key: Any) -> None:
        """`key` is plain data: params, and the hashes of input and code."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
        self._folder = root / f"{title}-{digest}"
        self._title = title

    def _read(self, number: int) -> pa.Table | None:
        content = read_sealed(self._folder / self._name(number), "its pictures are processed again")
        return None if content is None else pq.read_table(pa.BufferReader(content))

    def _finished(self) -> list[int]:
        """The number of outcomes in each block, up to the first that is missing or damaged."""
        found: list[int] = []
        while (table := self._read(len(found))) is not None:
            found.append(len(table))
        return found

    @staticmethod
    def _name(number: int) -> str:
        return f"block-{number:06d}.parquet"

    def done(self) -> int:
        """The number of outcomes of earlier runs."""
        return sum(self._finished())

    def continued(self, fresh: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield the outcomes of earlier runs, then those of this run, which are written to the checkpoint.

        Args:
            fresh: the outcomes after the first `done()`.

        Raises:
            UserError: a block was damaged after it was checked.
        """
        finished = self._finished()
        if finished:
            print(f"{self._title}: resuming after {sum(finished)} pictures", file=sys.stderr)
        for number in range(len(finished)):
            table = self._read(number)
            if table is None:
                raise UserError(
                    f"{self._folder}: a block was damaged while it was read; check the disk and run again"
                )
            yield from map(_outcome, table.to_pylist())
        number, waiting = len(finished), list[Outcome]()
        for outcome in fresh:
            waiting.append(outcome)
            if len(waiting) == BLOCK:
                self._write(number, waiting)
                number += 1
                yield from waiting
                waiting = []
        yield from waiting

    def _write(self, number: int, outcomes: list[Outcome]) -> None:
        table = pa.Table.from_pylist([_record(outcome) for outcome in outcomes], schema=_COLUMNS)
        content = pa.BufferOutputStream()
        pq.write_table(table, content, compression="none")
        write_sealed(self._folder / self._name(number), content.getvalue().to_pybytes())

    def clear(self) -> None:
        """Remove the checkpoint, after the set is written."""
        shutil.rmtree(self._folder, ignore_errors=True)
