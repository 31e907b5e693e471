"""A small autoencoder whose decoder enlarges like a generator: its pictures are those it was given, with that
generator's residue and nothing else."""

import importlib
import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from unseen.autoencoders.settings import AutoencoderSettings
from unseen.gans.shared.settings import gan_settings
from unseen.gans.shared.upsample import upsampler

GROUPS = 8
"""Of the group norms: they look at one picture at a time, as a twin must not depend on its neighbours in a batch."""


def _block(before: int, after: int, layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(GROUPS, before), nn.SiLU(inplace=True), layer)


class Autoencoder(nn.Module):
    """Pictures [n, 3, s, s] in [-1, 1] to twins of the same shape, by way of `latent` channels at s / `factor`.

    The decoder is built anew, or is the last blocks of a trained generator, which stay as they are: then only the
    encoder learns, to find what that generator would have had to draw.
    """

    def __init__(self, settings: AutoencoderSettings, size: int, gan: dict[str, Any] | None) -> None:
        """`gan` are the settings of the generator that lends its last blocks, or None."""
        super().__init__()
        self.config = {"settings": settings.model_dump(), "size": size, "gan": gan}
        doublings, width = int(math.log2(settings.factor)), settings.width
        widths = [width * 2**k for k in range(doublings + 1)]
        down: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1)]
        for before, after in itertools.pairwise(widths):
            down.append(_block(before, after, nn.Conv2d(before, after, 4, stride=2, padding=1)))
        down.append(_block(widths[-1], widths[-1], nn.Conv2d(widths[-1], widths[-1], 3, padding=1)))
        self.lent: nn.Module | None = None
        if gan is None:
            down.append(_block(widths[-1], settings.latent, nn.Conv2d(widths[-1], settings.latent, 1)))
            up: list[nn.Module] = [nn.Conv2d(settings.latent, widths[-1], 3, padding=1)]
            for before, after in itertools.pairwise(widths[::-1]):
                up.append(_block(before, after, upsampler(settings.upsample, before, after)))
                up.append(_block(after, after, nn.Conv2d(after, after, 3, padding=1)))
            up.append(_block(width, 3, nn.Conv2d(width, 3, 3, padding=1)))
            self.up = nn.Sequential(*up)
        else:
            module = importlib.import_module(f"unseen.gans.architectures.{gan['architecture']}")
            generator = module.Generator(gan_settings(gan, "gan"), size)
            self.lent, channels = generator.tail(doublings)
            down.append(_block(widths[-1], channels, nn.Conv2d(widths[-1], channels, 1)))
        self.down = nn.Sequential(*down)

    def train(self, mode: bool = True) -> "Autoencoder":
        """Lent blocks never leave evaluation mode: their statistics are the GAN's."""
        super().train(mode)
        if self.lent is not None:
            self.lent.eval().requires_grad_(False)
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        inner = self.down(pictures)
        if self.lent is not None:
            lent: Tensor = self.lent(inner)
            return lent.expand(-1, 3, -1, -1)
        twins: Tensor = self.up(inner)
        return twins


class Critic(nn.Module):
    """Pictures to a logit for each patch of 22 x 22 pixels, higher for real: what makes a twin sharp (Isola et al.
    2017, arXiv 1611.07004)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(3, width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 4, padding=1)),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.layers(pictures)
        return logits


def _cosines(like: Tensor) -> Tensor:
    """Rows of the orthonormal DCT-II for the side of pictures `like`, [s, s]."""
    size = like.shape[-1]
    place = torch.arange(size, dtype=like.dtype, device=like.device)
    cosines = torch.cos(math.pi / size * (place + 0.5) * place[:, None]) * math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines


def with_low_frequencies_of(reals: Tensor, twins: Tensor, share: float) -> Tensor:
    """Twins whose low frequencies are their reals' own, so that neither colour nor blur of an autoencoder remains
    to be learned (after the alignment of Chen et al. 2025, "Dual Data Alignment", arXiv 2505.14359).

    Args:
        reals: pictures [n, 3, s, s].
        twins: of the same shape.
        share: of the frequencies along each side, from 0 (none) to 1 (all) by cosine transform.
    """
    kept = round(share * reals.shape[-1])
    if not kept:
        return twins
    low = _cosines(reals)[:kept]
    # Differences are what is exchanged: rows and columns of the low block, there and back.
    block = low @ (reals - twins) @ low.T
    return twins + low.T @ block @ low


def with_spectrum_of(reals: Tensor, twins: Tensor) -> Tensor:
    """Twins with as much energy at each frequency as their reals, so that neither blur nor ringing gives them away:
    what is left of the generator is where its details lie, and not how strong they are.

    Args:
        reals: pictures [n, 3, s, s].
        twins: of the same shape.

    Returns:
        The twins, each ring of cosine coefficients (those whose distance from the lowest rounds down to one number)
        of each channel scaled to its real's energy; a ring that is empty in the twin stays so.
    """
    cosines = _cosines(reals)
    size = reals.shape[-1]
    place = torch.arange(size, device=reals.device)
    ring = (place[:, None] ** 2 + place**2).float().sqrt().long().flatten()
    of_reals, of_twins = (cosines @ pictures @ cosines.T for pictures in (reals, twins))
    energy = [
        torch.zeros(*x.shape[:2], int(ring.max()) + 1, dtype=x.dtype, device=x.device).index_add_(
            2, ring, x.square().flatten(2)
        )
        for x in (of_reals, of_twins)
    ]
    gain = torch.where(energy[1] > 0, energy[0] / energy[1], 0).sqrt()
    return cosines.T @ (of_twins * gain[:, :, ring].view_as(of_twins)) @ cosines
