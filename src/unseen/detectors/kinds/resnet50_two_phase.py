"""ResNet-50, ImageNet weights, in two phases: a head on frozen features, then the last block with it.

The head is a layer of 128 with ReLU, dropout, and one logit. The study opens the layers from Keras'
`conv5_block3_out` on, which is the output of the last block: taken by the word, nothing with weights but the head.
Here it is that block that opens (timm's `layer4.2`, 4.5 M parameters), with its norms.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings, NetworkSettings

BACKBONE = "resnet50"

UNITS = 128

fit = loop.fit


class TwoPhase(Backboned):
    """After the frozen phase, the last block learns with the head."""

    def opened(self) -> Iterable[nn.Parameter]:
        """Head and last block."""
        yield from self.head().parameters()
        yield from self.network.layer4[-1].parameters()


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features, and a head whose last layer starts at zero."""
    assert isinstance(settings, NetworkSettings)
    return created(TwoPhase, BACKBONE, settings, weights, dense=UNITS)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return TwoPhase(**config)
