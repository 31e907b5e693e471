"""What a training step sees: as many reals as fakes, every generator as often, whatever its sets' sizes.

Everything of a step is drawn from a generator of that step's own, so the next batch can be prepared in other threads
while this one trains, and a run that goes on sees what it would have seen.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from unseen.detectors.augment import augmented, draws
from unseen.detectors.base import Rows
from unseen.detectors.mix import mixed
from unseen.detectors.settings import NetworkSettings
from unseen.errors import UserError
from unseen.pictures import Faces, Pixels
from unseen.runtime import generator

MAX_WORKERS = 8


@dataclass(frozen=True)
class Batch:
    """Pictures uint8 [n, s, s, 3], their rows among the training faces, and their labels [n], 1 for fake."""

    pixels: Pixels
    rows: Rows
    labels: npt.NDArray[np.int64]


class Batches:
    """Batches of training faces, by step."""

    def __init__(self, faces: Faces, settings: NetworkSettings, seed: int) -> None:
        """`faces` have the columns label, source and generator; with `paired`, id and twin_of too.

        Raises:
            UserError: pairs are asked for and there is none.
        """
        self._faces, self._settings, self._seed = faces, settings, seed
        # Reals have no generator: there it is sources that are drawn as often as each other.
        self._groups = {label: groups(faces, label) for label in (0, 1)}
        self._real_of: dict[int, int] = {}
        if settings.paired:
            row_of = {name: row for row, name in enumerate(faces.columns["id"])}
            twins = enumerate(faces.columns["twin_of"])
            self._real_of = {row: row_of[real] for row, real in twins if real in row_of}
            if not self._real_of:
                raise UserError("`paired` is true, but no fake in `train_on.fakes` is the twin of a face that trains")

    def rows(self, random: torch.Generator) -> Rows:
        """Rows of a batch: half real, half fake; with `paired`, a twin's real stands in the twin's place of the other
        half."""
        half = self._settings.batch // 2
        fakes = [_pick(self._groups[1], random) for _ in range(half)]
        reals = [_pick(self._groups[0], random) for _ in range(half)]
        reals = [self._real_of.get(fake, real) for fake, real in zip(fakes, reals, strict=True)]
        return np.asarray(reals + fakes)

    def _batch(self, step: int, pool: ThreadPoolExecutor, part: slice) -> Batch:
        settings, random = self._settings, generator(self._seed, "detector", step)
        rows = self.rows(random)
        decided = draws(settings.batch // 2 if settings.paired else settings.batch, random)
        decided = decided * 2 if settings.paired else decided  # a pair is changed alike
        pixels = self._faces.take(rows)
        labels = self._faces.labels[rows]
        if settings.mix:
            half = len(rows) // 2
            linked = [row in self._real_of for row in rows[half:].tolist()]
            pixels[half:] = mixed(pixels[:half], pixels[half:], np.asarray(linked), settings.mix, random)
        own = range(len(rows))[part]
        changed = pool.map(lambda place: augmented(pixels[place], decided[place], settings.augment), own)
        return Batch(np.stack(list(changed)), rows[part], labels[part])

    def __call__(self, steps: range, part: slice = slice(None)) -> Iterator[Batch]:
        """The batches of some steps, one ahead of its use; `part` of each is what this process trains on."""
        with (
            ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS)) as pool,
            ThreadPoolExecutor(1) as ahead,
        ):
            waiting: Future[Batch] | None = None
            for step in steps:
                batch = waiting.result() if waiting else self._batch(step, pool, part)
                waiting = ahead.submit(self._batch, step + 1, pool, part) if step + 1 in steps else None
                yield batch


Groups = list[list[Rows]]
"""For each generator, or each source of reals, the rows of each of its sets."""


def groups(faces: Faces, label: int) -> Groups:
    """The groups of a class."""
    labels, sources = faces.labels, np.asarray(faces.columns["source"])
    column = np.asarray(faces.columns["generator" if label else "source"])
    chosen = labels == label
    return [
        [
            np.flatnonzero(chosen & (column == name) & (sources == source))
            for source in sorted(set(sources[chosen & (column == name)].tolist()))
        ]
        for name in sorted(set(column[chosen].tolist()))
    ]


def _pick(groups: Groups, random: torch.Generator) -> int:
    """A row: any group as often, any of its sets as often, any of its faces as often."""
    sets = groups[_below(len(groups), random)]
    rows = sets[_below(len(sets), random)]
    return int(rows[_below(len(rows), random)])


def _below(count: int, random: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=random))
