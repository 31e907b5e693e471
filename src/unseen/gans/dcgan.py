"""DCGAN: transposed convolutions up, strided convolutions down, batch norm in both (Radford et al. 2015,
arXiv 1511.06434)."""

import itertools
import math

import torch
from torch import Tensor, nn

from unseen.gans.settings import GanSettings


def _initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch-norm gains N(1, 0.02), as the paper has it."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _channels(settings: GanSettings, size: int) -> list[int]:
    """Channels at 4 px, 8 px, ... size / 2 px: `width` at the last, doubling towards 4 px."""
    doublings = int(math.log2(size)) - 2
    return [settings.width * 2**k for k in reversed(range(doublings))]


class Generator(nn.Module):
    """Latents [n, latent] to pictures [n, 3, size, size] in [-1, 1]."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        channels = _channels(settings, size)
        layers: list[nn.Module] = [nn.ConvTranspose2d(settings.latent, channels[0], 4, bias=False)]
        for before, after in itertools.pairwise(channels):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(channels[-1]), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(channels[-1], settings.channels, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        return torch.tanh(self.layers(latents[:, :, None, None])).expand(-1, 3, -1, -1)


class Discriminator(nn.Module):
    """Pictures [n, 3, size, size] in [-1, 1] to logits [n], positive for real."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        channels = _channels(settings, size)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 4, stride=2, padding=1)]
        layers += [nn.LeakyReLU(0.2, inplace=True)]
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels[-1], 1, 4)
        self.num_features = channels[-1] * 16
        self.apply(_initialise)

    def features(self, pictures: Tensor) -> Tensor:
        """The penultimate activations, flattened: [n, num_features]."""
        activations: Tensor = self.layers(pictures)
        return activations.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.layers(pictures))
        return logits.flatten()
