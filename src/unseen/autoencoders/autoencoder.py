"""A small autoencoder whose decoder upsamples like a generator. Its reconstructions (twins) differ from their input
only in the artifacts of that generator."""

import importlib
import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from unseen.autoencoders.settings import AutoencoderSettings
from unseen.gans.shared.settings import gan_settings
from unseen.gans.shared.upsample import upsampler

GROUPS = 8
"""Groups of group norm, which is used so that a twin does not depend on the other pictures of its batch."""


def _block(before: int, after: int, layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(GROUPS, before), nn.SiLU(inplace=True), layer)


class Autoencoder(nn.Module):
    """Maps pictures [n, 3, s, s] in [-1, 1] to twins of the same shape; the bottleneck is [n, `latent`, s / `factor`,
    s / `factor`].

    The decoder is trained from scratch, or consists of the last blocks of a trained generator. These are frozen, and
    only the encoder is trained.
    """

    def __init__(self, settings: AutoencoderSettings, size: int, gan: dict[str, Any] | None) -> None:
        """Build the network; `gan` has the settings of the generator whose last blocks are used, or is None."""
        super().__init__()
        self.config = {"settings": settings.model_dump(), "size": size, "gan": gan}
        self.factor = settings.factor
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
        """Set the mode; the generator's blocks always stay in evaluation mode, to keep their statistics."""
        super().train(mode)
        if self.lent is not None:
            self.lent.eval().requires_grad_(False)
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """Reconstruct pictures; see the class. Other sides are padded to a multiple of `factor`."""
        side = pictures.shape[-1]
        if missing := -side % self.factor:
            padded = functional.pad(pictures, (0, missing, 0, missing), mode="reflect")
            return self(padded)[..., :side, :side]  # type: ignore[no-any-return]
        inner = self.down(pictures)
        if self.lent is not None:
            lent: Tensor = self.lent(inner)
            return lent.expand(-1, 3, -1, -1)
        twins: Tensor = self.up(inner)
        return twins


class Critic(nn.Module):
    """Patch discriminator that makes twins sharper: maps pictures to a logit for each patch of 22 x 22 pixels, higher
    for real (Isola et al. 2017, arXiv 1611.07004)."""

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
        """Compute the logits; see the class."""
        logits: Tensor = self.layers(pictures)
        return logits


def _cosines(like: Tensor) -> Tensor:
    """The matrix of the orthonormal DCT-II, [s, s], for pictures `like`."""
    size = like.shape[-1]
    place = torch.arange(size, dtype=like.dtype, device=like.device)
    cosines = torch.cos(math.pi / size * (place + 0.5) * place[:, None]) * math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines


def with_low_frequencies_of(reals: Tensor, twins: Tensor, share: float) -> Tensor:
    """Replace the low frequencies of twins by those of their reals, so that a detector cannot learn the colours or
    blur of an autoencoder (similar to Chen et al. 2025, "Dual Data Alignment", arXiv 2505.14359).

    Args:
        reals: pictures [n, 3, s, s].
        twins: twins of the same shape.
        share: share of the frequencies of the cosine transform along each side, from 0 (none) to 1 (all).
    """
    kept = round(share * reals.shape[-1])
    if not kept:
        return twins
    low = _cosines(reals)[:kept]
    # Transform the difference to the block of low frequencies and back, and add it.
    block = low @ (reals - twins) @ low.T
    return twins + low.T @ block @ low


def with_spectrum_of(reals: Tensor, twins: Tensor) -> Tensor:
    """Give twins the same energy at each frequency as their reals, so that a detector cannot use blur or ringing.

    Twins then differ from reals in the position of details, not in their strength.

    Args:
        reals: pictures [n, 3, s, s].
        twins: twins of the same shape.

    Returns:
        The twins with each ring of cosine coefficients (those with the same rounded-down distance from the lowest)
        scaled to the energy of the real, in each channel; a ring without energy in the twin stays 0.
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
