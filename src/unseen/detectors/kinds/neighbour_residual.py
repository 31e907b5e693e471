"""Neighbouring pixel relationships (NPR: Tan et al. 2024, arXiv 2312.10461): a small network (1.44 M parameters) on
the picture minus a copy that was reduced by 2 and enlarged by nearest neighbour.

A generator's last upsampling leaves traces within squares of 2 x 2 pixels, and the difference shows little else. The
network sees stored crops at their own size, because a resize removes these traces. It is the fastest of the networks,
and fragile: later compression removes the traces too.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.native import check_native
from unseen.detectors.shared.settings import NativeSettings
from unseen.detectors.shared.truncated import Truncated

fit = loop.fit

LAST_STAGE = 2
"""ResNet-50 ends with its second stage, of 512 channels; with a first convolution of 3 x 3 that is 1.44 M weights."""

SCALE = 2 / 3
"""What the paper multiplies the difference by."""


class Settings(NativeSettings):
    """The network is untrained, so there are no frozen steps by default."""

    kind: Literal["neighbour_residual"]
    weights: Literal["none"] = Field(description="it starts from nothing")
    frozen_steps: int = Field(0, ge=0, description="first steps, in which only the head's weights are trained")
    learning_rate: float = Field(0.001, gt=0, lt=1)


class NeighbourResidual(Truncated):
    """The first half of a ResNet-50 on differences between neighbours."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        convolution = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        self.network.conv1 = convolution

    def seen(self, pixels: Tensor) -> Tensor:
        """The difference of each pixel to the top left one of its square of 2 x 2, normalised, of pixels uint8
        [n, 3, s, s] with an even s."""
        x = pixels.float()
        nearest = x[..., ::2, ::2].repeat_interleave(2, -2).repeat_interleave(2, -1)
        return (x - nearest) / self.std * SCALE


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """An untrained network with a head that starts at zero.

    Raises:
        UserError: stored crops are of another size than `input_size`.
    """
    check_native(settings, size)
    return created(NeighbourResidual, "resnet50", settings, weights, stage=LAST_STAGE)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return NeighbourResidual(**config)
