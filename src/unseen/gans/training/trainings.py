"""Train a GAN once for each training seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unseen.core.scratch import Scratch
from unseen.core.trainings import Trainings, one_by_one
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.gan_metrics import GanMetrics
from unseen.gans.training.real_faces import RealFaces
from unseen.gans.training.train import TrainedNetworks, train


def fit_gans(
    reals: Reals,
    real_faces: RealFaces,
    settings: GanSettings,
    seeds: Sequence[int],
    scratch: Path,
    title: str,
    data: Any,
) -> Trainings[tuple[TrainedNetworks, GanMetrics]]:
    """Train a GAN once for each training seed. A result has the networks, and what measured them.

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

    def trained(seed: int) -> tuple[tuple[TrainedNetworks, GanMetrics], Scratch]:
        metrics = GanMetrics(real_faces, settings, seed)
        checkpoint = Scratch(scratch, title, [settings.model_dump(), seed, data])
        return (train(reals, metrics, settings, seed, checkpoint), metrics), checkpoint

    return one_by_one(seeds, trained)
