"""GAN metrics during training: samples, their distance from real faces, and memorisation by the discriminator. The
metrics do not change the training."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.pictures import Pixels
from unseen.gans.shared.networks import discriminator_logits, samples
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.inception import Inception, fid
from unseen.gans.training.quality import (
    NEIGHBOURS,
    Backbone,
    diversity,
    kid,
    nearest_training_faces,
    precision_recall,
)

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

    def __init__(
        self,
        train: Pixels,
        held_back: Pixels,
        settings: GanSettings,
        seed: int,
        count: int,
        backbone: Backbone,
        inception: Inception | None = None,
    ):
        """`train` and `held_back` are [n, size, size, 3]; at most `count` of each are compared with `count` samples.
        `inception` adds FID and KID.

        Raises:
            UserError: there are too few faces.
        """
        if min(len(train), len(held_back)) <= NEIGHBOURS:
            raise UserError(
                f"{len(train)} faces to train a GAN on and {len(held_back)} held back to measure it; at least "
                f"{NEIGHBOURS + 1} of each are needed: add people, or raise `split.val`"
            )
        self._settings, self._backbone, self._inception = settings, backbone, inception
        self._train, self._held_back = (_some(pixels, count, seed) for pixels in (train, held_back))
        self._all = train
        self._features = backbone(self._train)
        self._held_features = backbone(self._held_back)
        self._inception_features = inception(self._train) if inception else None
        self._latents = torch.randn(count, settings.latent, generator=generator(seed, "grid"))

    def __call__(self, averaged: nn.Module, discriminator: nn.Module, losses: Row) -> tuple[Row, Tensor]:
        """A row of metrics, and the first samples [GRID, 3, size, size] on the host."""
        drawn = samples(averaged, self._latents)
        features = self._backbone(drawn)
        quality = self._compared(features)
        if self._inception and self._inception_features is not None:
            seen = self._inception(drawn)
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
        faces = _pictures(self._all)
        found = nearest_training_faces(self._backbone(faces), self._held_features, self._backbone(drawn))
        rows = found.rows[: 2 * GRID]
        return Neighbours(drawn[: 2 * GRID], faces[rows], found.copies)


def _pictures(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _some(pixels: Pixels, count: int, seed: int) -> Tensor:
    """A fixed random subset of at most `count` faces."""
    order = torch.randperm(len(pixels), generator=generator(seed, "judged"))[:count]
    return _pictures(pixels)[order]
