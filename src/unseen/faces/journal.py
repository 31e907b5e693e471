"""What a long walk through an archive has done so far, in blocks on disk, so that a killed run goes on from there.

A block holds the outcomes of consecutive pictures, kept and dropped, in one Parquet file that is whole or not there.
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

from unseen.files import whole_file
from unseen.shards import SCHEMA, Dropped, FaceRow

BLOCK = 512
"""Outcomes in a block: what a kill can cost."""

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


def _readable(block: Path) -> bool:
    try:
        return bool(pq.read_metadata(block).num_rows)
    except (OSError, pa.ArrowInvalid):
        return False


class Journal:
    """The outcomes of one piece of work, under a folder named by a hash of all that decides them."""

    def __init__(self, root: Path, title: str, key: Any) -> None:
        """`key` is plain data: params, the hashes of the input and of the code."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
        self._folder = root / f"{title}-{digest}"
        self._title = title

    def _blocks(self) -> list[Path]:
        """The finished blocks, up to the first that is missing, or that a power cut left without its bytes."""
        found: list[Path] = []
        while _readable(path := self._folder / self._name(len(found))):
            found.append(path)
        return found

    @staticmethod
    def _name(number: int) -> str:
        return f"block-{number:06d}.parquet"

    def done(self) -> int:
        """How many outcomes an earlier run left."""
        return sum(pq.ParquetFile(path).metadata.num_rows for path in self._blocks())

    def continued(self, fresh: Iterable[Outcome]) -> Iterator[Outcome]:
        """The outcomes of earlier runs, and then those of this one, which are written down as they pass.

        Args:
            fresh: the outcomes after the first `done()`.
        """
        blocks = self._blocks()
        if blocks:
            print(f"{self._title}: going on after {self.done()} pictures", file=sys.stderr)
        for path in blocks:
            yield from map(_outcome, pq.read_table(path).to_pylist())
        number, waiting = len(blocks), list[Outcome]()
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
        with whole_file(self._folder / self._name(number)) as part:
            pq.write_table(table, part, compression="none")

    def clear(self) -> None:
        """Remove the journal: the work is done and its set is written."""
        shutil.rmtree(self._folder, ignore_errors=True)
