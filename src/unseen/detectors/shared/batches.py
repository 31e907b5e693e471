"""Balanced training batches: half real, half fake, with equal probability for every generator.

Each step has its own random generator, so batches can be prefetched by threads, and a resumed run sees the same
batches.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.core.runtime import generator, has_idle_core
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared import mix
from unseen.detectors.shared.augment import augmented, random_numbers, without_degradations
from unseen.detectors.shared.base import Rows
from unseen.detectors.shared.settings import NetworkSettings
from unseen.detectors.shared.views import DRAWS, View


@dataclass(frozen=True)
class Batch:
    """Pictures uint8 [n, s, s, 3], their rows [n] in the training faces, and their labels [n], 1 for fake. With
    `consistency`, `clean` has the same pictures without degradations."""

    pixels: Pixels
    rows: Rows
    labels: npt.NDArray[np.int64]
    clean: Pixels | None = None


class Batches:
    """Batches of training faces. Call it with a range of steps."""

    def __init__(self, faces: Faces, settings: NetworkSettings, seed: int, view: View | None = None) -> None:
        """`faces` need the columns label, source and generator; with `paired`, also id and twin_of. `view` is that of
        the detector.

        Raises:
            UserError: `paired` is true, but no fake is a twin of a training face.
        """
        self._faces, self._settings, self._seed, self._labels = faces, settings, seed, faces.labels
        self._view = view or View()
        # Reals have no generator; they are balanced over sources.
        self._groups = {label: groups(faces, label) for label in (0, 1)}
        self._real_of: dict[int, int] = {}
        if settings.paired:
            row_of = {name: row for row, name in enumerate(faces.columns["id"])}
            twins = enumerate(faces.columns["twin_of"])
            self._real_of = {row: row_of[real] for row, real in twins if real in row_of}
            if not self._real_of:
                raise UserError("`paired` is true, but no fake in `train_on.fakes` is the twin of a training face")

    def rows(self, random: torch.Generator) -> Rows:
        """Rows [batch], reals in the first half, fakes in the second. With `paired`, row i is the real of the twin in
        row batch/2 + i."""
        half = self._settings.batch // 2
        fakes = [_pick(self._groups[1], random) for _ in range(half)]
        reals = [_pick(self._groups[0], random) for _ in range(half)]
        reals = [self._real_of.get(fake, real) for fake, real in zip(fakes, reals, strict=True)]
        return np.asarray(reals + fakes)

    def _batch(self, step: int, threads: Executor, part: slice) -> Batch:
        settings, random = self._settings, generator(self._seed, "detector", step)
        rows, half = self.rows(random), settings.batch // 2
        decided = random_numbers(half if settings.paired else settings.batch, random)
        decided = decided * 2 if settings.paired else decided  # a pair gets the same augmentation
        mixes = torch.rand(settings.batch, mix.DRAWS, generator=random, dtype=torch.double).tolist()
        views = [settings.augment, *([without_degradations(settings.augment)] if settings.consistency else [])]
        # Drawn last, so that the other draws are the same with every view of crops. A pair is cut at the same place.
        places: list[list[float]] = torch.rand(len(decided), DRAWS, generator=random, dtype=torch.double).tolist()
        places = places[:half] * 2 if settings.paired else places

        def picture(place: int) -> list[Pixels]:
            pixels = self._face(rows[place])
            if settings.mix and place >= half and int(rows[place]) in self._real_of:
                pixels = mix.mixed(self._face(rows[place - half]), pixels, mixes[place], settings.mix)
            # Cut after the augmentation: the grid of a JPEG encode is then anywhere in a crop, as when scoring.
            made = (augmented(pixels, decided[place], view) for view in views)
            return [self._view.in_training(one, places[place]) for one in made]

        seen = zip(*threads.map(picture, range(settings.batch)[part]), strict=True)
        pixels, *clean = (np.stack(view) for view in seen)
        return Batch(pixels, rows[part], self._labels[rows[part]], *clean)

    def _face(self, row: int) -> Pixels:
        pixels: Pixels = self._faces.take([row])[0]
        return pixels

    def __call__(self, steps: range, part: slice = slice(None)) -> Iterator[Batch]:
        """The batches of `steps`, with one prefetched; `part` is the slice of a batch for this process."""
        return prefetch(steps, lambda step, threads: self._batch(step, threads, part), has_idle_core())


Groups = list[list[Rows]]
"""For each generator (or source of reals), the rows of each of its sets."""


def groups(faces: Faces, label: int) -> Groups:
    """The rows of a class, 0 real or 1 fake, by generator or source, and by set."""
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
    """Draw a row: a group uniformly, then one of its sets, then one of the set's faces."""
    sets = groups[_below(len(groups), random)]
    rows = sets[_below(len(sets), random)]
    return int(rows[_below(len(rows), random)])


def _below(count: int, random: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=random))
