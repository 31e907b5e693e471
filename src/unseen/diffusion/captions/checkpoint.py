"""Checkpoint of captions: files with those of consecutive faces, from which a killed run resumes."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unseen.core.sealed import read_sealed, write_sealed

Row = dict[str, Any]


class CaptionCheckpoint:
    """The rows of a run, in a folder whose name is a hash of everything that they depend on."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._blocks = folder, 0

    def _file(self, number: int) -> Path:
        return self._folder / f"block-{number:06d}.json"

    def rows(self) -> list[Row]:
        """The rows of earlier runs. Blocks after a damaged one are not used."""
        found = [row for block in self._read() for row in block]
        if found:
            print(f"captions: resuming after {len(found)} faces", file=sys.stderr)
        return found

    def _read(self) -> Iterator[list[Row]]:
        self._blocks = 0
        while (content := read_sealed(self._file(self._blocks), "its captions are made again")) is not None:
            self._blocks += 1
            yield json.loads(content)

    def write(self, rows: list[Row]) -> None:
        """Write the rows that follow those of `rows()` and of earlier calls."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_sealed(self._file(self._blocks), json.dumps(rows).encode())
        self._blocks += 1

    def clear(self) -> None:
        """Remove the checkpoint, after the outputs are written."""
        shutil.rmtree(self._folder, ignore_errors=True)
