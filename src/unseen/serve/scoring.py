"""Score folders of real and fake pictures with any detector, and write predictions for `unseen evaluate`."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.csv_text import CsvLines
from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.json_files import write_json
from unseen.core.progress import progress
from unseen.serve.folders import Skipped, as_text, walk
from unseen.serve.sidecar import sidecar

TEXT = ("id", "sha256", "set", "source", "generator")
FORMATS = (".csv", ".parquet")
"""Suffixes of a file of predictions."""

CHUNK = 1024


class Scorer(Protocol):
    """A detector for `score_pictures`: `unseen.serve.plugin.Plugin` or `unseen.serve.trained.DetectorPlugin`.

    Attributes:
        columns: the columns that it returns.
        threshold: its frozen threshold, if it has one.
        scope: plain data about its training and evaluation; the key `scope` is a sentence.
    """

    columns: tuple[str, ...]
    threshold: float | None
    scope: dict[str, Any]

    def answers(self, paths: Iterable[str]) -> Iterator[dict[str, float | str] | str]:
        """Yield for each path, in order, the values of its columns, or the reason why it has no score."""


@dataclass(frozen=True)
class Picture:
    """A file to score.

    Attributes:
        named: its path as given.
        path: its absolute path.
        row: the columns TEXT without `sha256`, and `label` (0 real, 1 fake).
    """

    named: str
    path: str
    row: dict[str, Any]


def pictures_in(folder: Path, label: int, name: str = "") -> tuple[list[Picture], str]:
    """List the pictures in a folder and its subfolders, sorted by path. Also return a summary of skipped files.

    A picture's id is the folder's name and its relative path. Its generator (for reals: its source) is the name of
    the first subfolder, or of the folder itself.

    Args:
        folder: pictures of one class.
        label: 0 real, 1 fake.
        name: name of the set; empty for the folder's name.

    Raises:
        UserError: the folder does not exist, a subfolder can't be opened, or the folder has no picture.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder")
    skipped = Skipped()
    pictures = sorted(map(Path, walk(str(folder), skipped)))
    if skipped.closed:
        raise UserError(f"{skipped.closed[0].filename}: can't be opened: {skipped.closed[0].strerror}")
    if not pictures:
        raise UserError(f"{folder}: no picture in this folder; skipped: {skipped.text() or 'nothing'}")
    called = as_text(folder.resolve().name)
    rows = []
    for path in pictures:
        below = path.relative_to(folder)
        part = as_text(below.parts[0]) if len(below.parts) > 1 else called
        row = {
            "id": f"{called}/{as_text(below.as_posix())}",
            "set": name or called,
            "source": part,
            "generator": part if label else "",
            "label": label,
        }
        rows.append(Picture(str(path), str(path.absolute()), row))
    return rows, skipped.text()


def check_apart(reals: Sequence[Picture], fakes: Sequence[Picture]) -> None:
    """Check that no picture is both real and fake, and that ids are unique.

    Raises:
        UserError: one is; the message names the picture.
    """
    real_paths = {os.path.realpath(picture.path) for picture in reals}
    for picture in fakes:
        if os.path.realpath(picture.path) in real_paths:
            raise UserError(f"{picture.named}: is among the reals and the fakes; give two separate folders")
    if both := {picture.row["id"] for picture in reals} & {picture.row["id"] for picture in fakes}:
        raise UserError(
            f"{min(both)}: would be the id of a real and a fake, because both folders have the same name; rename one"
        )


def _write(part: Path, suffix: str, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    if suffix == ".csv":
        with part.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(CsvLines(handle), columns)
            writer.writeheader()
            for row in rows:
                writer.writerow(row)
                count += 1
        return count
    types = {"label": pa.int8(), **dict.fromkeys((*TEXT, "verdict"), pa.string())}
    schema = pa.schema([(column, types.get(column, pa.float64())) for column in columns])
    with pq.ParquetWriter(part, schema) as writer:
        while chunk := list(islice(rows, CHUNK)):
            writer.write_table(pa.Table.from_pylist(chunk, schema=schema))
            count += len(chunk)
    return count


def score_pictures(scorer: Scorer, pictures: Sequence[Picture], out: Path, failed: Callable[[str, str], None]) -> int:
    """Score pictures, write a row for each one with a score, in order, and return the number of rows.

    The scorer's scope is written to `sidecar(out)`.

    Args:
        scorer: the detector.
        pictures: the pictures to score.
        out: a CSV or Parquet file, with a suffix in FORMATS; written atomically.
        failed: called with path and reason of each picture without a score.

    Raises:
        UserError: the file can't be written, or no picture has a score.
    """

    def rows() -> Iterator[dict[str, Any]]:
        answers = zip(pictures, scorer.answers(one.path for one in pictures), strict=True)
        for picture, answer in progress(answers, "score", "picture", len(pictures)):
            if isinstance(answer, str):
                failed(picture.named, answer)
                continue
            with open(picture.path, "rb") as file:
                yield {**picture.row, "sha256": hashlib.file_digest(file, "sha256").hexdigest(), **answer}

    try:
        with atomic_file(out) as part:
            count = _write(part, out.suffix.lower(), [*TEXT, "label", *scorer.columns], rows())
            if not count:
                raise UserError(f"{out}: not written, because no picture has a score")
            write_json(sidecar(out), {**scorer.scope, "scored": count, "without_a_score": len(pictures) - count})
    except OSError as error:
        raise UserError(f"{error.filename or out}: {error.strerror or error}") from error
    return count
