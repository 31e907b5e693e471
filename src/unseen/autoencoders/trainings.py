"""Train an autoencoder once for each training seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from unseen.autoencoders.autoencoder import Autoencoder
from unseen.autoencoders.reconstruct import Row, build_autoencoder, fit_autoencoder
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.core.scratch import Scratch
from unseen.core.training_seeds import start_folder
from unseen.core.trainings import Trainings, one_by_one
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.reals import Reals


def fit_autoencoders(
    reals: Reals,
    held_back: Tensor,
    settings: AutoencoderSettings,
    weights: Path | None,
    seeds: Sequence[int],
    scratch: Path,
    title: str,
    data: Any,
) -> Trainings[tuple[Autoencoder, list[Row]]]:
    """Train an autoencoder once for each training seed. A result has the network and its history.

    Args:
        reals: training faces.
        held_back: validation faces of other people, uint8 [n, 3, s, s].
        settings: settings of the autoencoder.
        weights: folder of the GAN whose last blocks it has; None for none.
        seeds: the training seeds.
        scratch: folder for the checkpoints.
        title: names the training in checkpoints and messages.
        data: plain data that changes with the faces; a checkpoint is only resumed with the same.

    Raises:
        UserError: see `build_autoencoder`, `fit_autoencoder` and `one_by_one`.
    """

    def fitted(seed: int) -> tuple[tuple[Autoencoder, list[Row]], Scratch]:
        gan = load_gan(start_folder(weights, seed)) if weights else None
        net = build_autoencoder(settings, reals.size, gan, seed)
        checkpoint = Scratch(scratch, title, [settings.model_dump(), seed, data, gan.card if gan else None])
        return (net, fit_autoencoder(net, reals, held_back, settings, seed, checkpoint)), checkpoint

    return one_by_one(seeds, fitted)
