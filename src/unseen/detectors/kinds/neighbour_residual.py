"""Neighbouring pixel relationships (NPR: Tan et al. 2024, arXiv 2312.10461): a small network on the picture minus its
nearest-neighbour reduced and enlarged self. A generator's last upsampling leaves its traces within squares of 2 x 2
pixels, and there is nothing else to be seen in the difference.

It sees stored crops at their own size; a resize would wipe the squares out. The fastest of the networks, and
fragile: a later compression wipes out as much.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.native import check_native
from unseen.detectors.shared.settings import FittedSettings, NeighbourResidualSettings
from unseen.detectors.shared.truncated import Truncated

fit = loop.fit

LAST_STAGE = 2
"""ResNet-50 ends with its second stage, of 512 channels; with a first convolution of 3 x 3 that is 1.44 M weights."""

SCALE = 2 / 3
"""What the paper multiplies the difference by."""


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


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """An untrained network with a head that starts at zero.

    Raises:
        UserError: stored crops are of another size than `input_size`.
    """
    assert isinstance(settings, NeighbourResidualSettings)
    check_native(settings, size)
    return created(NeighbourResidual, "resnet50", settings, weights, stage=LAST_STAGE)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return NeighbourResidual(**config)
