"""R3GAN: residual bottlenecks of grouped convolutions, without normalisation; the networks mirror each other (Huang
et al. 2024, arXiv 2501.05441), with fix-up initialisation (Zhang et al. 2019, arXiv 1901.09321).

It does not converge without `loss: relativistic` and a `penalty`.
"""

import itertools
import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from unseen.gans.shared.settings import GanSettings
from unseen.gans.shared.upsample import upsampler

EXPANSION = 2
"""Inner channels of a block, in units of its outer channels, as in the paper."""

GROUP = 16
"""Channels per group of a grouped convolution; more if the channels are not divisible."""

WIDEST = 8
"""Largest number of channels, in units of the width."""

GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Gain of a leaky ReLU with slope 0.2, which keeps the variance (He et al. 2015)."""


class Settings(GanSettings):
    """Settings shared by all GANs, and the depth."""

    architecture: Literal["r3gan"]
    blocks: int = Field(1, ge=1, le=8, description="residual blocks at each size; the paper has 2")

    own_defaults: ClassVar[dict[str, Any]] = {
        "upsample": "bilinear",
        "loss": "relativistic",
        "penalty": {"start": 1.0, "end": 0.1},
        "penalty_every": 8,
        "learning_rate": {"start": 0.003, "end": 0.0005},
        "beta1": 0.0,
        "beta2": {"start": 0.9, "end": 0.99},
        "ema": {"start": 0, "end": 5000},
    }


def _scaled(layer: nn.Conv2d | nn.Linear, gain: float) -> None:
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))


class _Block(nn.Module):
    """x + narrow(mix(widen(x))); it is initialised to the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels * EXPANSION
        self.widen = nn.Conv2d(channels, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=math.gcd(inner, max(1, inner // GROUP)))
        self.narrow = nn.Conv2d(inner, channels, 1, bias=False)

    def initialise(self, blocks: int) -> None:
        """Fix-up initialisation for a network of this many blocks; the last layer is zero."""
        _scaled(self.widen, GAIN * blocks**-0.25)
        _scaled(self.mix, GAIN * blocks**-0.25)
        nn.init.zeros_(self.narrow.weight)
        for layer in (self.widen, self.mix):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.widen(x), 0.2)
        inner = functional.leaky_relu(self.mix(inner), 0.2)
        added: Tensor = self.narrow(inner)
        return x + added


class _Down(nn.Module):
    """Downsample by 2 with the [1, 3, 3, 1] filter, the transpose of bilinear upsampling."""

    filter: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        one = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("filter", (one[:, None] * one)[None, None].expand(before, 1, 4, 4).contiguous(), False)
        self.mix = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        smaller = functional.conv2d(x, self.filter.to(x.dtype), stride=2, padding=1, groups=x.shape[1])
        mixed: Tensor = self.mix(smaller)
        return mixed


def _channels(settings: Settings, size: int) -> list[int]:
    """Channels at 4 px, 8 px, ... size px."""
    doublings = int(math.log2(size)) - 2
    return [settings.width * min(WIDEST, 2**k) for k in reversed(range(doublings + 1))]


def _initialise(net: nn.Module) -> None:
    blocks = [module for module in net.modules() if isinstance(module, _Block)]
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):  # each output pixel depends on a quarter of the 16 taps
            nn.init.normal_(module.weight, 0.0, 1 / math.sqrt(4 * module.in_channels))
        elif isinstance(module, nn.Conv2d | nn.Linear):
            _scaled(module, 1.0)
    for block in blocks:
        block.initialise(len(blocks))


class Generator(nn.Module):
    """Latents [n, latent] to pictures [n, 3, size, size], approximately in [-1, 1]: no tanh, as in the paper."""

    def __init__(self, settings: Settings, size: int) -> None:
        super().__init__()
        self.channels = channels = _channels(settings, size)
        self.basis = nn.Parameter(torch.randn(channels[0], 4, 4))
        self.start = nn.Linear(settings.latent, channels[0], bias=False)
        self.blocks = blocks = settings.blocks
        layers: list[nn.Module] = [_Block(channels[0]) for _ in range(blocks)]
        for before, after in itertools.pairwise(channels):
            layers.append(upsampler(settings.upsample, before, after, kernel=1))
            layers += [_Block(after) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.to_picture = nn.Conv2d(channels[-1], settings.channels, 1, bias=False)
        _initialise(self)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        x = self.basis * self.start(latents)[:, :, None, None]
        pictures: Tensor = self.to_picture(self.layers(x))
        return pictures.expand(-1, 3, -1, -1)

    def tail(self, doublings: int) -> tuple[nn.Module, int]:
        """The last blocks, with `doublings` upsamplings, and their number of input channels."""
        each = 1 + self.blocks
        return nn.Sequential(*self.layers[-each * doublings :], self.to_picture), self.channels[-doublings - 1]


class Discriminator(nn.Module):
    """Pictures [n, 3, size, size] in [-1, 1] to logits [n], higher for real; only differences have a meaning."""

    def __init__(self, settings: Settings, size: int) -> None:
        super().__init__()
        channels, blocks = _channels(settings, size)[::-1], settings.blocks
        layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 1, bias=False)]
        for before, after in itertools.pairwise(channels):
            layers += [_Block(before) for _ in range(blocks)]
            layers.append(_Down(before, after))
        layers += [_Block(channels[-1]) for _ in range(blocks)]
        layers.append(nn.Conv2d(channels[-1], channels[-1], 4, groups=channels[-1], bias=False))
        self.layers = nn.Sequential(*layers)
        self.num_features = channels[-1]
        self.head = nn.Linear(channels[-1], 1, bias=False)
        _initialise(self)
        if settings.spectral_norm:
            for module in list(self.modules()):
                # The last layer of a block is zero, so its spectral norm is zero too.
                if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.any():
                    spectral_norm(module)

    def features(self, pictures: Tensor) -> Tensor:
        """The penultimate activations: [n, num_features]."""
        activations: Tensor = self.layers(pictures)
        return activations.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.features(pictures))
        return logits.flatten()
