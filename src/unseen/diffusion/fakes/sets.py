"""Writes a set of made fakes: dividing reals among processes, checkpoints, and the numbers of the set."""

import math
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.parallel import Parallel
from unseen.core.progress import progress
from unseen.core.stop import Stop
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet
from unseen.diffusion.fakes.blocks import Blocks, Made
from unseen.diffusion.fakes.diffuse import Diffuse, Try
from unseen.diffusion.fakes.gate import gram_metrics
from unseen.diffusion.fakes.settings import DiffuseSettings

WAIT_S = 0.2
"""Seconds between two looks for the batches of other processes."""

PATIENCE_S = 1800.0
"""Seconds without any new batch after which other processes count as dead: as long as `torch.distributed` waits."""


def check_reals(name: str, settings: DiffuseSettings, reals: Sequence[FaceSet]) -> None:
    """Check that the sets are of reals, and train if their fakes do.

    Raises:
        UserError: a set is of fakes, or is held out although the fakes train.
    """
    for face_set in reals:
        if face_set.label or (settings.use == "train" and face_set.use != "train"):
            what = "holds fakes" if face_set.label else "is held out, but its fakes would train"
            raise UserError(f"{face_set.folder}: `{face_set.name}` {what}; correct `diffuse.{name}.of`")


def _check_prompts(maker: Diffuse, reals: Sequence[FaceSet]) -> None:
    """Check that every face has what the prompt names, before hours of work.

    Raises:
        UserError: a face has not.
    """
    for face_set in reals:
        columns = face_set.index(["train", "val", "test"], ["id", "attributes"])
        for face, attributes in zip(columns["id"], columns["attributes"], strict=True):
            maker.prompt_of(face, dict(attributes))


def _batches(reals: Sequence[FaceSet], size: int, todo: Collection[int]) -> Iterator[tuple[int, list[FaceRow]]]:
    """The batches `todo`, by number, of the reals of all sets in their order."""
    place, waiting = 0, list[FaceRow]()
    for face_set in reals:
        for batch in face_set.batches(["train", "val", "test"], SCHEMA.names, 256):
            for i in range(batch.num_rows):
                number = place // size
                if number in todo:
                    waiting += map(FaceRow.from_record, batch.slice(i, 1).to_pylist())
                place += 1
                if waiting and place % size == 0:
                    yield number, waiting
                    waiting = []
    if waiting:
        yield (place - 1) // size, waiting


def _made(blocks: Blocks, count: int, parallel: Parallel, stop: Stop) -> Iterator[Made]:
    """The pictures of all batches in order, as soon as the other processes have made theirs.

    If one of them fails, `torchrun` ends this process, but only if they are on one machine.

    Raises:
        UserError: the other processes have made no batch for `PATIENCE_S`, a batch was damaged, or a signal asked to
            stop.
    """
    last, since = 0, time.monotonic()
    for number in range(count):
        while parallel.count > 1 and not blocks.file(number).is_file():
            if stop.asked:
                raise stop.error(f"batch {number + 1} of {count}")
            if (changed := blocks.changed_ns()) != last:
                last, since = changed, time.monotonic()
            if time.monotonic() - since > PATIENCE_S:
                raise UserError(
                    f"{blocks.folder}: no batch of another process for {PATIENCE_S / 60:.0f} minutes; see what that "
                    "process printed, then run all again to resume"
                )
            time.sleep(WAIT_S)
        made = blocks.read(number)
        if made is None:
            raise UserError(f"{blocks.folder}: a batch was damaged while it was read; check the disk and run again")
        yield from made


def diffuse_set(
    maker: Diffuse,
    reals: Sequence[FaceSet],
    between_reals: Sequence[float],
    blocks: Blocks,
    folder: Path,
    parallel: Parallel,
) -> dict[str, Any]:
    """Write the fakes of every face of some sets. The bytes depend on no interruption and no number of processes.

    A fake has the identity, split, attributes and JPEG quality of its real, whose id is in the attribute `made_of`;
    other attributes are its record. What is black, unsafe, given up or has no face is counted as dropped.

    Args:
        maker: makes the fakes of a batch.
        reals: sets of real faces; see `check_reals`.
        between_reals: from `distances_of_reals`; empty without the Gram gate.
        blocks: the checkpoint. The caller clears it after all outputs are written.
        folder: folder of the new set.
        parallel: this process makes every `count`-th batch, and process 0 writes the set.

    Returns:
        The counts of `write_set`, with `watermarked`, the number of pictures with an invisible mark, which is 0
        because a pipeline that makes them is refused; and `gram` with the gate. Other processes return {}.

    Raises:
        UserError: a face lacks what the prompt names, no fake was stored, or a signal asked to stop.
    """
    name, settings = maker.name, maker.settings
    _check_prompts(maker, reals)
    total = sum(face_set.counts["kept"] for face_set in reals)
    count = math.ceil(total / settings.batch)
    mine = range(count)[parallel.slice(count)]
    todo = {number for number in mine if blocks.read(number) is None}
    with Stop() as stop:
        batches = _batches(reals, settings.batch, todo)
        own = min(len(mine) * settings.batch, total)
        done = (len(mine) - len(todo)) * settings.batch
        with ThreadPoolExecutor(1) as thread:

            def store(number: int, rows: Sequence[FaceRow], tries: Sequence[Sequence[Try]]) -> None:
                blocks.write(number, maker.stored(rows, tries))

            waiting: Future[None] | None = None
            for number, rows in progress(batches, f"diffuse {name}", "fake", own, done, settings.batch):
                tries = maker.tries(rows)
                if waiting:
                    waiting.result()
                waiting = thread.submit(store, number, rows, tries)
                if stop.asked or not maker.overlaps:
                    waiting.result()
                if stop.asked:
                    raise stop.error(f"batch {number + 1} of {count}")
            if waiting:
                waiting.result()
        if parallel.rank:
            return {}
        distances: list[tuple[float, ...]] = []

        def outcomes() -> Iterator[FaceRow | Dropped]:
            for made in _made(blocks, count, parallel, stop):
                distances.append(made.distances)
                yield made.outcome

        counts = write_set(folder, name, settings.use, 1, outcomes(), maker.faces.native_side())
    counts["watermarked"] = 0
    if maker.gate:
        counts["gram"] = gram_metrics(distances, between_reals, maker.gate.threshold)
    return counts
