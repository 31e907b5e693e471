"""Train a GAN once for each training seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseen.core.runtime import Scratch
from unseen.core.trainings import one_by_one
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.gan_metrics import GanMetrics
from unseen.gans.training.real_faces import RealFaces
from unseen.gans.training.train import TrainedNetworks, train


@dataclass(frozen=True)
class Trainings:
    """A GAN that was trained once for each training seed.

    Attributes:
        trained: what each training gave, by training seed.
        metrics: what each was measured by.
        checkpoints: of the trainings; `clear` removes them.
    """

    trained: dict[int, TrainedNetworks]
    metrics: dict[int, GanMetrics]
    checkpoints: list[Scratch]

    def clear(self) -> None:
        """Remove the checkpoints, after all outputs are written."""
        for checkpoint in self.checkpoints:
            checkpoint.clear()


def fit_gans(
    reals: Reals,
    real_faces: RealFaces,
    settings: GanSettings,
    seeds: Sequence[int],
    scratch: Path,
    title: str,
    data: Any,
) -> Trainings:
    """Train a GAN once for each training seed.

    Args:
        reals: the faces to train on.
        real_faces: the faces that the samples of each training are compared with.
        settings: the GAN's settings.
        seeds: the training seeds.
        scratch: folder for the checkpoints.
        title: names the training in checkpoints and messages.
        data: plain data that changes with the faces and the metrics; a checkpoint is only resumed with the same.

    Raises:
        UserError: see `train` and `one_by_one`.
    """
    metrics: dict[int, GanMetrics] = {}
    checkpoints = []

    def trained(seed: int) -> TrainedNetworks:
        metrics[seed] = GanMetrics(real_faces, settings, seed)
        checkpoints.append(Scratch(scratch, title, [settings.model_dump(), seed, data]))
        return train(reals, metrics[seed], settings, seed, checkpoints[-1])

    return Trainings(one_by_one(seeds, trained), metrics, checkpoints)
