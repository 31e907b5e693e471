"""DCGAN: strided and transposed convolutions with batch norm (Radford et al. 2015, arXiv 1511.06434). `upsample`
gives the generators of Odena et al. 2016; `spectral_norm` gives the discriminator of Miyato et al. 2018."""

import itertools
import math
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from unseen.gans.shared.settings import GanSettings
from unseen.gans.shared.upsample import upsampler

WIDEST = 16
"""Largest number of channels, in units of the width; limits the doubling at 128 px and more."""


class Settings(GanSettings):
    """Settings shared by all GANs."""

    architecture: Literal["dcgan"]


def _initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch-norm gains N(1, 0.02), as in the paper."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _channels(settings: GanSettings, size: int) -> list[int]:
    """Channels at 4 px, 8 px, ... size / 2 px: `width` at size / 2 px, doubling towards 4 px."""
    doublings = int(math.log2(size)) - 2
    return [settings.width * min(WIDEST, 2**k) for k in reversed(range(doublings))]


class Generator(nn.Module):
    """Latents [n, latent] to pictures [n, 3, size, size] in [-1, 1]."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        self.channels = channels = _channels(settings, size)
        layers: list[nn.Module] = [nn.ConvTranspose2d(settings.latent, channels[0], 4, bias=False)]
        for before, after in itertools.pairwise([*channels, settings.channels]):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True), upsampler(settings.upsample, before, after)]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        return self.layers(latents[:, :, None, None]).tanh().expand(-1, 3, -1, -1)  # type: ignore[no-any-return]

    def tail(self, doublings: int) -> tuple[nn.Module, int]:
        """The last blocks, with `doublings` upsamplings, and their number of input channels."""
        return nn.Sequential(*self.layers[-3 * doublings :], nn.Tanh()), self.channels[-doublings]


class Discriminator(nn.Module):
    """Pictures [n, 3, size, size] in [-1, 1] to logits [n], positive for real."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        channels = _channels(settings, size)[::-1]
        spectral = settings.spectral_norm
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(itertools.pairwise([3, *channels])):
            normed = not spectral and number > 0  # no batch norm in the first layer, as in the paper
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normed))
            layers += [nn.BatchNorm2d(after)] if normed else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels[-1], 1, 4)
        self.num_features = channels[-1] * 16
        self.apply(_initialise)
        if spectral:
            for module in [*self.layers, self.head]:
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    def features(self, pictures: Tensor) -> Tensor:
        """The penultimate activations, flattened: [n, num_features]."""
        activations: Tensor = self.layers(pictures)
        return activations.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.layers(pictures))
        return logits.flatten()
