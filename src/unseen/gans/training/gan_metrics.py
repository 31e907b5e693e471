"""GAN metrics during training: samples, their distance from real faces, and memorisation by the discriminator. The
metrics do not change the training."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unseen.core.runtime import generator
from unseen.gans.shared.networks import discriminator_logits, samples
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.inception import fid
from unseen.gans.training.quality import diversity, kid, nearest_training_faces, precision_recall
from unseen.gans.training.real_faces import RealFaces, order_of

GRID = 8
"""Samples per row of the grid."""

Row = dict[str, float]


@dataclass
class Neighbours:
    """Samples and their nearest training faces, uint8 [n, 3, size, size] each; and the share of copies (see
    `quality.Nearest`)."""

    samples: Tensor
    faces: Tensor
    copies: float


class GanMetrics:
    """Compares a GAN with its training faces, and with faces that are held back from its training."""

    def __init__(self, real: RealFaces, settings: GanSettings, seed: int) -> None:
        """`real` is the same for all training seeds; as many samples are drawn as its `count`. `real.inception` adds
        FID and KID."""
        self._settings, self._real = settings, real
        # The faces in the seed's own order, because rounding depends on it.
        order, held_back_order = (order_of(faces, seed) for faces in (real.train, real.held_back))
        self._train, self._features = real.train[order], real.features[order]
        self._held_back, self._held_features = (
            real.held_back[held_back_order],
            real.held_back_features[held_back_order],
        )
        seen = real.inception_features
        self._inception_features = None if seen is None else seen[order]
        self._latents = torch.randn(real.count, settings.latent, generator=generator(seed, "grid"))

    def __call__(self, averaged: nn.Module, discriminator: nn.Module, losses: Row) -> tuple[Row, Tensor]:
        """A row of metrics, and the first samples [GRID, 3, size, size] on the host."""
        drawn = samples(averaged, self._latents)
        features = self._real.backbone(drawn)
        quality = self._compared(features)
        if self._real.inception and self._inception_features is not None:
            seen = self._real.inception(drawn)
            quality |= {"fid": fid(self._inception_features, seen), "kid": kid(self._inception_features, seen)}
        row = losses | self._accuracies(discriminator, drawn) | quality
        done = row["images"] / self._settings.images
        shown = ", ".join(f"{name} {row[name]:.3f}" for name in ("d_loss", "g_loss", "kid_lite1"))
        tqdm.write(f"gan: {done:.0%} of {self._settings.images} images, {shown}", file=sys.stderr)
        return row, drawn[:GRID]

    def held_back(self) -> Row:
        """The metrics of held-back real faces in place of samples: what a perfect GAN that knows other people would
        have."""
        return self._compared(self._held_features)

    def _compared(self, features: Tensor) -> Row:
        """The distance of features [n, d] from training faces, their precision and recall, and their diversity."""
        precision, recall = precision_recall(self._features, features)
        return {
            "kid_lite1": kid(self._features, features),
            "precision": precision,
            "recall": recall,
            "diversity": diversity(self._features, features),
        }

    def _accuracies(self, discriminator: nn.Module, drawn: Tensor) -> Row:
        """D's accuracy on training faces, held-back faces and fakes. A higher one on training faces than on held-back
        faces shows memorisation."""
        sides = (self._train, self._held_back, drawn)
        real, held_back, fake = (discriminator_logits(discriminator, pictures) for pictures in sides)
        # A relativistic D has no absolute zero; take the middle of its mean logits.
        middle = (real.mean() + fake.mean()) / 2 if self._settings.loss == "relativistic" else torch.zeros(())
        return {
            "d_right_on_train": float((real > middle).double().mean()),
            "d_right_on_held_back": float((held_back > middle).double().mean()),
            "d_right_on_fakes": float((fake <= middle).double().mean()),
        }

    def neighbours(self, averaged: nn.Module) -> Neighbours:
        """Samples of the trained GAN and their nearest neighbours among all training faces."""
        drawn = samples(averaged, self._latents)
        features = self._real.backbone(drawn)
        found = nearest_training_faces(self._real.features_of_every, self._held_features, features)
        rows = found.rows[: 2 * GRID]
        return Neighbours(drawn[: 2 * GRID], self._real.every[rows], found.copies)
