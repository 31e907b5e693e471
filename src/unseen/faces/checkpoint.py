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
from unseen.core.sealed import read_sealed, write_sealed
from unseen.data.arrow_rows import table_of
from unseen.data.face_rows import Dropped, FaceRow

BLOCK = 512
"""Outcomes per block: a killed run loses fewer than this."""

Outcome = FaceRow | Dropped

_OUTCOMES = b"outcomes"
"""Key of a block's metadata: for each outcome in order the notes of the next row, or the dropped picture."""


def _encoded(outcomes: list[Outcome]) -> bytes:
    """The file of a block: the rows as Parquet, all else as JSON in its metadata."""
    table = table_of([outcome for outcome in outcomes if isinstance(outcome, FaceRow)])
    others = [
        {"dropped": [outcome.path, outcome.reason, outcome.detail]}
        if isinstance(outcome, Dropped)
        else {"notes": outcome.notes}
        for outcome in outcomes
    ]
    content = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_OUTCOMES: json.dumps(others).encode()}), content, compression="none"
    )
    encoded: bytes = content.getvalue().to_pybytes()
    return encoded


def _others(table: pa.Table) -> list[dict[str, list[str]]]:
    others: list[dict[str, list[str]]] = json.loads(table.schema.metadata[_OUTCOMES])
    return others


def _decoded(table: pa.Table) -> Iterator[Outcome]:
    """The outcomes of a block."""
    records = iter(table.to_pylist())
    for other in _others(table):
        if "dropped" in other:
            yield Dropped(*other["dropped"])
        else:
            yield FaceRow.from_record(next(records), other["notes"])


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
            found.append(len(_others(table)))
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
            yield from _decoded(table)
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
        write_sealed(self._folder / self._name(number), _encoded(outcomes))

    def clear(self) -> None:
        """Remove the checkpoint, after the set is written."""
        shutil.rmtree(self._folder, ignore_errors=True)
