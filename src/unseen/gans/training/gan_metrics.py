"""What a GAN is like while it trains: how its samples look, how far they are from real faces, and what its
discriminator has learned by heart. It measures, and changes nothing."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.pictures import Pixels
from unseen.gans.shared.networks import answers, samples
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.inception import Inception, fid
from unseen.gans.training.quality import NEIGHBOURS, Backbone, kid, nearest_training_faces, precision_recall

GRID = 8
"""Samples in a row of the grid."""

Row = dict[str, float]


@dataclass
class Neighbours:
    """Samples beside the training faces that are nearest to them, uint8 [n, 3, size, size] each; and the share of
    samples that are copies (see `unseen.gans.training.quality.nearest`)."""

    samples: Tensor
    faces: Tensor
    copies: float


class GanMetrics:
    """Measures a GAN against the faces it trains on and against faces that are held back from it."""

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
        """`train` and `held_back` are [n, size, size, 3]; at most `count` of each are looked at, as are samples.
        `inception` adds FID and KID to the rows.

        Raises:
            UserError: there are too few of either.
        """
        if min(len(train), len(held_back)) <= NEIGHBOURS:
            raise UserError(
                f"{len(train)} faces to train a GAN on and {len(held_back)} held back to measure it by; it takes "
                f"{NEIGHBOURS + 1} of each: add people, or give `split.val` a larger share"
            )
        self._settings, self._backbone, self._inception = settings, backbone, inception
        self._train, self._held_back = (_some(pixels, count, seed) for pixels in (train, held_back))
        self._all = train
        self._features = backbone(self._train)
        self._held_features = backbone(self._held_back)
        self._inception_features = inception(self._train) if inception else None
        self._latents = torch.randn(count, settings.latent, generator=generator(seed, "grid"))

    def __call__(self, averaged: nn.Module, discriminator: nn.Module, losses: Row) -> tuple[Row, Tensor]:
        """A row of the table, and the first samples [GRID, 3, size, size] on the host."""
        drawn = samples(averaged, self._latents)
        features = self._backbone(drawn)
        precision, recall = precision_recall(self._features, features)
        quality = {"kid_lite1": kid(self._features, features), "precision": precision, "recall": recall}
        if self._inception and self._inception_features is not None:
            seen = self._inception(drawn)
            quality |= {"fid": fid(self._inception_features, seen), "kid": kid(self._inception_features, seen)}
        row = losses | self._told_apart(discriminator, drawn) | quality
        done = row["images"] / self._settings.images
        shown = ", ".join(f"{name} {row[name]:.3f}" for name in ("d_loss", "g_loss", "kid_lite1"))
        tqdm.write(f"gan: {done:.0%} of {self._settings.images} images, {shown}", file=sys.stderr)
        return row, drawn[:GRID]

    def _told_apart(self, discriminator: nn.Module, drawn: Tensor) -> Row:
        """D's right answers, by kind of picture. Of faces it trains on as of faces held back: no memory."""
        sides = (self._train, self._held_back, drawn)
        real, held_back, fake = (answers(discriminator, pictures) for pictures in sides)
        # A relativistic D knows no zero: halfway between its mean answers then.
        middle = (real.mean() + fake.mean()) / 2 if self._settings.loss == "relativistic" else torch.zeros(())
        return {
            "d_right_on_train": float((real > middle).double().mean()),
            "d_right_on_held_back": float((held_back > middle).double().mean()),
            "d_right_on_fakes": float((fake <= middle).double().mean()),
        }

    def neighbours(self, averaged: nn.Module) -> Neighbours:
        """Samples of the trained GAN beside their nearest among all training faces."""
        drawn = samples(averaged, self._latents)
        faces = _pictures(self._all)
        found = nearest_training_faces(self._backbone(faces), self._held_features, self._backbone(drawn))
        rows = found.rows[: 2 * GRID]
        return Neighbours(drawn[: 2 * GRID], faces[rows], found.copies)


def _pictures(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _some(pixels: Pixels, count: int, seed: int) -> Tensor:
    """At most `count` faces, always the same."""
    order = torch.randperm(len(pixels), generator=generator(seed, "judged"))[:count]
    return _pictures(pixels)[order]
