"""Make a face set from an archive of pictures."""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unseen.core.code import own_code
from unseen.core.errors import UserError
from unseen.core.progress import progress
from unseen.data.face_rows import IGNORED, Dropped, FaceRow
from unseen.data.set_writer import dropped_summary, write_set
from unseen.data.splits import SplitSettings
from unseen.faces.checkpoint import FaceCheckpoint
from unseen.faces.preprocess import Crop
from unseen.faces.rules import Facts, Rules
from unseen.faces.workers import Job, Preprocessing, crops
from unseen.sources.shared.archive import entries
from unseen.sources.shared.settings import SourceSettings


def face_row(crop: Crop, path: str, source: str, generator: str, facts: Facts) -> FaceRow:
    """Make a row of a face set."""
    return FaceRow(
        jpeg=crop.jpeg,
        path=path,
        label=1 if generator else 0,
        generator=generator,
        source=source,
        identity=facts.identity,
        split=facts.split,
        sha256=crop.sha256,
        dhash=crop.dhash,
        picture_dhash=crop.picture_dhash,
        width=crop.size[0],
        height=crop.size[1],
        box=crop.face.box,
        landmarks=tuple(value for point in crop.face.landmarks for value in point),
        detection_score=crop.face.score,
        attributes=facts.attributes,
        original=crop.original,
        notes=("several_faces_main_one_kept",) if crop.several else (),
    )


def _jobs(source: SourceSettings, archive: Path, rules: Rules, done: int) -> Iterator[Job | Dropped]:
    """The pictures of a source after the first `done`. The rules see those names too, but the files are not read."""
    number = 0
    for entry in entries(archive, source.members, source.inside):
        # files of operating systems have no table row and no identity
        facts = Dropped(entry.name, entry.refused) if entry.refused in IGNORED else rules.facts(entry.name)
        if facts is None:
            continue
        number += 1
        if number <= done:
            continue
        member = entry.read()
        if member.refused:
            yield Dropped(member.name, member.refused, member.detail)
        elif isinstance(facts, Dropped):
            yield facts
        else:
            yield Job(member.name, member.data, facts)


def gather(
    name: str,
    source: SourceSettings,
    archive: Path,
    sha256: str,
    preprocessing: Preprocessing,
    splits: SplitSettings,
    folder: Path,
    scratch: Path,
    workers: int,
) -> dict[str, Any]:
    """Write the face set of a source. Every picture that matches is stored, or dropped with a reason.

    Args:
        name: the source's name.
        source: its settings.
        archive: the downloaded archive.
        sha256: of the archive.
        preprocessing: the face detector's model, the preprocessing settings, the run's seed.
        splits: seed and shares of the splits.
        folder: the set's folder.
        scratch: folder for the checkpoint, from which a killed run resumes.
        workers: number of processes.

    Returns:
        The counts of `write_set`.

    Raises:
        UserError: the archive can't be read, or no face was stored.
    """
    tools = [version(package) for package in ("numpy", "onnxruntime", "pillow", "pyarrow")]
    settings = [source.model_dump(), preprocessing.settings.model_dump(), splits.model_dump(), preprocessing.seed]
    checkpoint = FaceCheckpoint(
        scratch, f"faces-{name}", [settings, sha256, preprocessing.fingerprint(), own_code(), tools]
    )
    rules = Rules(name, source, archive, splits)
    done = checkpoint.done()

    def fresh() -> Iterator[FaceRow | Dropped]:
        jobs = _jobs(source, archive, rules, done)
        for outcome in progress(crops(jobs, preprocessing, workers), f"faces {name}", "picture", first=done):
            if isinstance(outcome, Dropped):
                yield outcome
            else:
                job, crop = outcome
                yield face_row(crop, job.path, name, source.generator, job.facts)

    try:
        counts = write_set(
            folder=folder,
            name=name,
            use=source.use,
            label=1 if source.label == "fake" else 0,
            items=checkpoint.continued(fresh()),
            native=preprocessing.settings.native_side(),
        )
    except UserError:
        checkpoint.clear()  # the result would be the same after a resume
        raise
    checkpoint.clear()
    if summary := dropped_summary(folder):
        print(f"faces {name}: {summary}; all are in {folder / 'dropped.csv'}", file=sys.stderr)
    return counts
