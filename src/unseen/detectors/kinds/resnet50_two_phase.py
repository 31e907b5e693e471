"""ResNet-50 (He et al. 2015, arXiv 1512.03385), ImageNet weights, trained in two phases: a head on frozen features,
then the head and the last block.

The head is a layer of 128 units with ReLU, dropout, and one logit. The study trains the layers from Keras'
`conv5_block3_out` on. That is the output of the last block, and no layer with weights but the head follows it. Here
the whole last block is trained (timm's `layer4.2`, 4.5 M parameters), with its norms.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import NetworkSettings

UNITS = 128
"""Of the head's hidden layer."""

fit = loop.fit


class Settings(NetworkSettings):
    """Two phases, each with a learning rate of its own."""

    network: ClassVar[str] = "resnet50"

    kind: Literal["resnet50_two_phase"]
    dropout: float = Field(0.5, ge=0, lt=1, description="before the last layer")
    frozen_steps: int = Field(20, ge=1, description="steps of the first phase, in which only the head is trained")
    frozen_learning_rate: float | None = Field(0.001, gt=0, lt=1, description="of the frozen steps")

    @model_validator(mode="after")
    def _has_two_phases(self) -> "Settings":
        if self.frozen_steps >= self.steps:
            raise ValueError("`kind: resnet50_two_phase` has two phases: `frozen_steps` must be below `steps`")
        return self


class TwoPhase(Backboned):
    """After the frozen steps, the last block is trained with the head."""

    def opened(self) -> Iterable[nn.Parameter]:
        """Head and last block."""
        yield from self.head().parameters()
        yield from self.network.layer4[-1].parameters()


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features, and a head whose last layer starts at zero."""
    return created(TwoPhase, settings.network, settings, weights, dense=UNITS)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return TwoPhase(**config)
