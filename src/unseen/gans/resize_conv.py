"""A GAN that enlarges by bilinear interpolation and convolution (Odena et al. 2016, "Deconvolution and
checkerboard artifacts"), against a spectrally normalised discriminator (Miyato et al. 2018, 1802.05957)."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from unseen.gans.settings import GanSettings


def _channels(settings: GanSettings, size: int) -> list[int]:
    """Channels at 4 px, 8 px, ... size px: `width` at the last, doubling towards 4 px, at most 8 x."""
    doublings = int(math.log2(size)) - 2
    return [settings.width * min(8, 2**k) for k in reversed(range(doublings + 1))]


class Generator(nn.Module):
    """Latents [n, latent] to pictures [n, 3, size, size] in [-1, 1]."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        channels = _channels(settings, size)
        self.start = nn.Linear(settings.latent, channels[0] * 16)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
            for before, after in itertools.pairwise(channels)
        )
        self.to_picture = nn.Conv2d(channels[-1], settings.channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        x = self.start(latents).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = functional.leaky_relu(block(x), 0.2)
        return torch.tanh(self.to_picture(x)).expand(-1, 3, -1, -1)


class Discriminator(nn.Module):
    """Pictures [n, 3, size, size] in [-1, 1] to logits [n], positive for real."""

    def __init__(self, settings: GanSettings, size: int) -> None:
        super().__init__()
        channels = [3, *_channels(settings, size)[-2::-1]]
        self.blocks = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1))
            for before, after in itertools.pairwise(channels)
        )
        self.num_features = channels[-1] * 16
        self.head = spectral_norm(nn.Linear(self.num_features, 1))

    def features(self, pictures: Tensor) -> Tensor:
        """The penultimate activations, flattened: [n, num_features]."""
        x = pictures
        for block in self.blocks:
            x = functional.leaky_relu(block(x), 0.2)
        return x.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.features(pictures))
        return logits.flatten()
