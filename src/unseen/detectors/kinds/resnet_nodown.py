"""A ResNet that does not downsample in its first layers, trained on random crops (Gragnaniello et al. 2021, arXiv
2104.02617).

Generators leave traces at pixel level, and the usual first layers, of stride 4, blur them. The network sees stored
crops at their own size, because a resize would remove these traces.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector, Rows, Task
from unseen.detectors.shared.native import check_native
from unseen.detectors.shared.settings import NativeSettings

fit = loop.fit


class Settings(NativeSettings):
    """Settings shared by networks on stored crops, and the random crop."""

    kind: Literal["resnet_nodown"]
    backbone: Literal["resnet18", "resnet50"] = Field("resnet50", description="timm model name")
    crop: int = Field(32, ge=32, description="pixels; side of the random crop in training")

    @model_validator(mode="after")
    def _fits(self) -> "Settings":
        if self.crop > self.input_size:
            raise ValueError(f"`crop` is {self.crop}, larger than `input_size` {self.input_size}; lower it")
        return self


class ResnetNodown(Backboned):
    """A timm ResNet whose first convolution has stride 1, without max-pooling: its total stride is 8, not 32."""

    def __init__(self, crop: int, **config: Any) -> None:
        super().__init__(**config)
        self.config["crop"] = crop
        self.network.conv1.stride = (1, 1)  # type: ignore[union-attr]
        self.network.maxpool = nn.Identity()

    def network_input(self, pixels: Tensor) -> Tensor:
        """Pixels uint8 [n, 3, s, s] of any size, normalised and not resized."""
        return (pixels.float() - self.mean) / self.std

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss on random crops. Both halves of a batch get the same crops, so that a twin is cropped like its
        real."""
        crops = cropped(pixels, self.config["crop"])
        return functional.binary_cross_entropy_with_logits(self(crops).float(), labels)


def cropped(pixels: Tensor, size: int) -> Tensor:
    """Crops [n, 3, size, size] of pixels [n, 3, s, s], drawn from torch's default generator. Picture n/2 + i is
    cropped like picture i."""
    count, half = len(pixels), len(pixels) // 2
    places = torch.randint(pixels.shape[-1] - size + 1, (count - half, 2)).repeat(2, 1)[:count].tolist()
    return torch.stack(
        [
            picture[:, top : top + size, left : left + size]
            for picture, (top, left) in zip(pixels, places, strict=True)
        ]
    )


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with the network's weights and a head initialised to zero.

    Raises:
        UserError: the stored crops are not of size `input_size`; or see `created`.
    """
    check_native(settings, size)
    return created(ResnetNodown, settings.backbone, settings, weights, crop=settings.crop)


restore = ResnetNodown.restore
