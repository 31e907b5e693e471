"""A bulk job: it writes a Parquet file for each chunk of the input, and skips finished chunks when it is resumed.

The output folder holds `job.json` (the arguments, so that another input or detector is refused), a file
`part-NUMBER-FINGERPRINT.parquet` for each chunk, and at the end `summary.json`. A part is written atomically when all
its rows exist, so every part is complete. Ray Data's checkpoints are not used, because they load the ids of all rows
into memory and need unique ids.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.serve.bulk.readers import Chunk, Input, Options, open_input
from unseen.serve.bulk.stores import Store

JOB, SUMMARY = "job.json", "summary.json"
PART = re.compile(r"part-(\d{7,})-([0-9a-f]{16})\.parquet")
PACKAGES = ("unseen", "ray", "torch", "onnxruntime", "pillow", "pyarrow", "numpy")


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Compute the SHA-256 of the names and bytes of a detector's files."""
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return found.hexdigest()


def versions() -> dict[str, str | None]:
    """Return the version of each package that may affect a score; None if it is not installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@dataclass
class Job:
    """An input, an output folder, and the finished chunks.

    Attributes:
        input: the input.
        output: the output folder.
        finished: fingerprint of each finished chunk, by number.
        total: number of chunks.
        pictures: number of pictures.
    """

    input: Input
    output: Store
    finished: dict[int, str]
    total: int
    pictures: int

    @property
    def left(self) -> int:
        """Number of unfinished chunks."""
        return self.total - len(self.finished)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the unfinished chunks."""
        return (chunk for chunk in self.input.chunks() if chunk.number not in self.finished)

    def write(self, chunk: Chunk, table: Any) -> None:
        """Write the rows of a chunk.

        Raises:
            UserError: the disk is full.
        """
        from unseen.serve.bulk.rows import as_parquet

        self.output.write(part_name(chunk), as_parquet(table))
        self.finished[chunk.number] = chunk.fingerprint

    def counts(self) -> dict[str, Any]:
        """Count pictures and faces by verdict and by reason, over all parts.

        `not_scored` counts rows, including those of faces without a score in pictures with scored faces.
        `pictures_without_a_score` counts pictures. Successive rows with the same id and sha256 belong to one picture.
        """
        import pyarrow.parquet as pq

        faces, verdicts, unsure, not_scored = 0, Counter[str](), Counter[str](), Counter[str]()
        without = 0
        for number, text in sorted(self.finished.items()):
            with self.output.fs.open(self.output.path(_name(number, text)), "rb") as file:
                table = pq.read_table(file, columns=["id", "sha256", "face", "verdict", "reason"])
            last: tuple[str, str | None] | None = None
            for name, sha256, face, verdict, reason in zip(*(one.to_pylist() for one in table.columns), strict=True):
                without += face is None and (name, sha256) != last
                last = name, sha256
                if face is None:
                    not_scored[reason] += 1
                    continue
                faces += 1
                verdicts[verdict] += 1
                if reason:
                    unsure[reason] += 1
        return {
            "pictures": self.pictures,
            "pictures_without_a_score": without,
            "faces": faces,
            "not_scored": not_scored.total(),
            "verdicts": dict(sorted(verdicts.items())),
            "reasons": {"unsure": dict(sorted(unsure.items())), "not_scored": dict(sorted(not_scored.items()))},
        }


def _name(number: int, text: str) -> str:
    return f"part-{number:07d}-{text}.parquet"


def part_name(chunk: Chunk) -> str:
    """Return the name of the file for a chunk's rows."""
    return _name(chunk.number, chunk.fingerprint)


def open_job(source: str, target: str, options: Options, detector: Mapping[str, Any]) -> Job:
    """Open a new job, or one that was stopped.

    Args:
        source: folder, Parquet or table.
        target: output folder, which is created.
        options: how the input is read.
        detector: name, fingerprint and backend.

    Raises:
        UserError: the input can't be read, or the output folder belongs to another input or detector.
    """
    given, output = open_input(source, options), Store(target)
    asked = {"input": source, "kind": given.kind, "options": asdict(options), "detector": dict(detector)}
    there = _names(output)
    known = _read(output, JOB) if JOB in there else None
    if known is None and there:
        raise UserError(f"{target}: contains other files, such as {min(there)}; give an empty folder")
    if known is not None and known != asked:
        differing = ", ".join(key for key in asked if known.get(key) != asked[key])
        raise UserError(
            f"{target}: is the output of another job ({differing} differ, see {JOB}); give another folder, or the "
            "arguments of that job to resume it"
        )
    if output.is_local:
        for half in Path(output.root).glob(".*.part"):  # left by a job that was killed while writing
            half.unlink(missing_ok=True)
    finished = {int(found[1]): found[2] for name in there if (found := PART.fullmatch(name))}
    job = Job(given, output, finished, 0, 0)
    for chunk in given.chunks():
        if finished.get(chunk.number, chunk.fingerprint) != chunk.fingerprint:
            raise _changed(source, target)
        job.total, job.pictures = job.total + 1, job.pictures + len(chunk)
    if any(number >= job.total for number in finished):
        raise _changed(source, target)
    if known is None:
        output.fs.makedirs(output.root, exist_ok=True)
        output.write(JOB, _json(asked))
    return job


def _changed(source: str, target: str) -> UserError:
    return UserError(
        f"{source}: the files have changed since the job in {target} began; restore them, or give another OUTPUT"
    )


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _names(output: Store) -> list[str]:
    if not output.fs.exists(output.root):
        return []
    if not output.fs.isdir(output.root):
        raise UserError(f"{output.url}: is a file; give a folder for the output")
    names = [str(path).rstrip("/").rpartition("/")[2] for path in output.fs.ls(output.root, detail=False)]
    return [name for name in names if not name.startswith(".")]


def _read(output: Store, name: str) -> Any:
    try:
        return json.loads(output.fs.cat_file(output.path(name)))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{output.path(name)}: damaged ({error}); remove the folder, or give another one") from None


def finish(job: Job, scope: Mapping[str, Any], detector: Mapping[str, Any]) -> dict[str, Any]:
    """Write `summary.json` and return its content."""
    summary = {
        "detector": {**detector, "scope": dict(scope)},
        "input": {
            "url": job.input.store.url,
            "kind": job.input.kind,
            **asdict(job.input.options),
            "other_files": job.input.skipped,
        },
        **job.counts(),
        "versions": versions(),
    }
    job.output.write(SUMMARY, _json(summary))
    return summary
