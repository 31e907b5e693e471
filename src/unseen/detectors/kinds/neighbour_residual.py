"""Neighbouring pixel relationships (NPR: Tan et al. 2024, arXiv 2312.10461): a small network (1.44 M parameters) on
the difference between the picture and a copy downsampled by 2 and upsampled by nearest neighbour.

A generator's last upsampling leaves traces within squares of 2 x 2 pixels; the difference isolates them. The network
sees stored crops at their own size, because a resize removes these traces. It is the fastest network, and it is
fragile: later compression also removes the traces.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.native import check_native
from unseen.detectors.shared.settings import FrozenSteps, NativeSettings
from unseen.detectors.shared.truncated import Truncated

fit = loop.fit

LAST_STAGE = 2
"""The ResNet-50 is cut off after its second stage, of 512 channels."""

SCALE = 2 / 3
"""Factor of the difference, as in the paper."""


class Settings(NativeSettings):
    """Settings shared by all networks. An untrained network needs no frozen steps."""

    kind: Literal["neighbour_residual"]
    weights: Literal["none"] = Field(description="must be `none`: there are no pretrained weights")
    frozen_steps: FrozenSteps = 0
    learning_rate: float = Field(0.001, gt=0, lt=1)


class NeighbourResidual(Truncated):
    """The first half of a ResNet-50 on differences between neighbouring pixels."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        convolution = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        self.network.conv1 = convolution

    def network_input(self, pixels: Tensor) -> Tensor:
        """Difference between each pixel and the top left pixel of its 2 x 2 square, normalised; pixels are uint8
        [n, 3, s, s] with even s."""
        x = pixels.float()
        nearest = x[..., ::2, ::2].repeat_interleave(2, -2).repeat_interleave(2, -1)
        return (x - nearest) / self.std * SCALE


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """An untrained network with a head initialised to zero.

    Raises:
        UserError: the stored crops are not of size `input_size`.
    """
    check_native(settings, size)
    return created(NeighbourResidual, "resnet50", settings, weights, stage=LAST_STAGE)


restore = NeighbourResidual.restore
