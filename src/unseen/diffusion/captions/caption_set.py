"""Captions and attributes of every face of some sets."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unseen.core.errors import UserError
from unseen.core.progress import progress
from unseen.core.settings import Role
from unseen.core.stop import Stop
from unseen.data.face_rows import ZERO_SHOT
from unseen.data.pictures import decode_crop
from unseen.data.shards import FaceSet
from unseen.diffusion.captions.captioner import Captioner
from unseen.diffusion.captions.checkpoint import CaptionCheckpoint, Row
from unseen.diffusion.captions.zero_shot import ZeroShot

EXAMPLES = 10
BATCHES = 64
"""A block of the checkpoint has at most so many batches; a killed run loses the last one."""

COLUMNS = ["image", "id", "sha256", "attributes"]


def use_of(sets: Sequence[FaceSet]) -> Role:
    """The role of captions: held out if a set is.

    Raises:
        UserError: a set is of fakes.
    """
    for face_set in sets:
        if face_set.label:
            raise UserError(f"{face_set.folder}: holds fakes; captions are of real faces, correct `of`")
    return "held_out" if any(face_set.use == "held_out" for face_set in sets) else "train"


def _batches(sets: Sequence[FaceSet], size: int, skip: int) -> Iterator[list[dict[str, Any]]]:
    """The faces of all sets in stored order, in batches, without the first `skip`."""
    for face_set in sets:
        for batch in face_set.batches(["train", "val", "test"], COLUMNS, size):
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            yield batch.slice(skip).to_pylist()
            skip = 0


def caption_rows(
    name: str,
    sets: Sequence[FaceSet],
    captioner: Captioner,
    zero_shot: ZeroShot | None,
    batch: int,
    checkpoint: CaptionCheckpoint,
    every_s: float,
) -> list[Row]:
    """Describe every face of some sets; resumes from a checkpoint if there is one.

    Args:
        name: name of the table, for the progress bar.
        sets: sets of real faces.
        captioner: makes the captions.
        zero_shot: guesses attributes, or None.
        batch: faces at a time. The result does not depend on it, but for rounding where two words are as likely.
        checkpoint: of this run; the caller clears it after all outputs are written.
        every_s: seconds between two blocks of the checkpoint, or sooner.

    Returns:
        Rows of `table.SCHEMA`, with `attributes` as a dict.

    Raises:
        StoppedError: a signal asked to stop, after the checkpoint was written.
    """
    total = sum(face_set.counts["kept"] for face_set in sets)
    rows, waiting, since = checkpoint.rows(), list[Row](), time.monotonic()
    done = len(rows)
    models = {"model": captioner.folder.name, "revision": captioner.folder.revision}
    models |= {
        "attribute_model": zero_shot.folder.name if zero_shot else "",
        "attribute_revision": zero_shot.folder.revision if zero_shot else "",
    }
    with Stop() as stop:
        counted = progress(_batches(sets, batch, done), f"captions {name}", "face", total, done, batch)
        for faces in counted:
            pictures = [decode_crop(face["image"]["bytes"]).copy() for face in faces]  # torch wants them writable
            captions = captioner(pictures)
            guessed = zero_shot(pictures) if zero_shot else [{} for _ in faces]
            for face, caption, guess in zip(faces, captions, guessed, strict=True):
                attributes = {**guess, **dict(face["attributes"])}
                known = {"id": face["id"], "sha256": face["sha256"]}
                waiting.append({**known, "caption": caption, "attributes": attributes, **models})
            if stop.asked or len(waiting) >= BATCHES * batch or time.monotonic() - since >= every_s:
                checkpoint.write(waiting)
                rows += waiting
                waiting, since = [], time.monotonic()
                if stop.asked and len(rows) < total:
                    raise stop.error(f"face {len(rows)} of {total}")
    return [*rows, *waiting]


def caption_metrics(rows: Sequence[Row], use: Role) -> dict[str, Any]:
    """Counts of a table.

    Returns:
        `n`, `distinct` captions, `mean_words`, `use`, the models with their revisions, `zero_shot` (the share of each
        value of each guessed attribute), and `examples`, faces evenly spaced over the table with `id`, `caption` and
        their guessed attributes.
    """
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row["attributes"].items():
            if name.startswith(ZERO_SHOT):
                counts.setdefault(name, Counter())[value] += 1
    places = np.linspace(0, len(rows) - 1, min(EXAMPLES, len(rows))).round().astype(int).tolist()
    return {
        "n": len(rows),
        "distinct": len({row["caption"] for row in rows}),
        "mean_words": sum(len(row["caption"].split()) for row in rows) / len(rows),
        "use": use,
        **{key: rows[0][key] for key in ("model", "revision", "attribute_model", "attribute_revision")},
        "zero_shot": {
            name: {value: count / found.total() for value, count in found.most_common()}
            for name, found in sorted(counts.items())
        },
        "examples": [
            {
                "id": rows[place]["id"],
                "caption": rows[place]["caption"],
                "zero_shot": {name: v for name, v in rows[place]["attributes"].items() if name.startswith(ZERO_SHOT)},
            }
            for place in places
        ],
    }
