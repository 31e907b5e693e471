"""What a training step sees: as many reals as fakes, every generator as often, whatever its sets' sizes.

Everything of a step is drawn from a generator of that step's own, so the next batch can be prepared in other threads
while this one trains, and a run that goes on sees what it would have seen.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.core.runtime import generator
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared import mix
from unseen.detectors.shared.augment import augmented, random_numbers
from unseen.detectors.shared.base import Rows
from unseen.detectors.shared.settings import NetworkSettings


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
        self._faces, self._settings, self._seed, self._labels = faces, settings, seed, faces.labels
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

    def _batch(self, step: int, threads: Executor, part: slice) -> Batch:
        settings, random = self._settings, generator(self._seed, "detector", step)
        rows, half = self.rows(random), settings.batch // 2
        decided = random_numbers(half if settings.paired else settings.batch, random)
        decided = decided * 2 if settings.paired else decided  # a pair is changed alike
        mixes = torch.rand(settings.batch, mix.DRAWS, generator=random, dtype=torch.double).tolist()

        def picture(place: int) -> Pixels:
            pixels = self._taken(rows[place])
            if settings.mix and place >= half and int(rows[place]) in self._real_of:
                pixels = mix.mixed(self._taken(rows[place - half]), pixels, mixes[place], settings.mix)
            return augmented(pixels, decided[place], settings.augment)

        pixels = np.stack(list(threads.map(picture, range(settings.batch)[part])))
        return Batch(pixels, rows[part], self._labels[rows[part]])

    def _taken(self, row: int) -> Pixels:
        pixels: Pixels = self._faces.take([row])[0]
        return pixels

    def __call__(self, steps: range, part: slice = slice(None)) -> Iterator[Batch]:
        """The batches of some steps, one ahead of its use; `part` of each is what this process trains on."""
        return prefetch(steps, lambda step, threads: self._batch(step, threads, part))


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
