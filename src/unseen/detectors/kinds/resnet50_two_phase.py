"""ResNet-50 (He et al. 2015, arXiv 1512.03385), ImageNet weights, trained in two phases: a head on frozen features,
then the head and the last block.

The head is a layer of 128 units with ReLU, dropout, and one logit. The study unfreezes the layers from Keras'
`conv5_block3_out` on, which has no weights after it but the head. Here the second phase trains the last block (timm's
`layer4.2`, 4.5 M parameters) with its norms.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from torch import nn

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import Dropout, NetworkSettings

UNITS = 128
"""Units of the head's hidden layer."""

fit = loop.fit


class Settings(NetworkSettings):
    """Two phases, each with its own learning rate."""

    network: ClassVar[str] = "resnet50"

    kind: Literal["resnet50_two_phase"]
    dropout: Dropout = 0.5
    frozen_steps: int = Field(20, ge=1, description="steps of the first phase, in which only the head is trained")
    frozen_learning_rate: float | None = Field(0.001, gt=0, lt=1, description="learning rate of the frozen steps")

    @model_validator(mode="after")
    def _has_two_phases(self) -> "Settings":
        if self.frozen_steps >= self.steps:
            raise ValueError("`kind: resnet50_two_phase` has two phases: `frozen_steps` must be below `steps`")
        return self


class TwoPhase(Backboned):
    """A ResNet-50 whose last block is trained after the frozen steps."""

    def trainable(self) -> Iterable[nn.Parameter]:
        """The head and the last block."""
        yield from self.head().parameters()
        yield from self.network.layer4[-1].parameters()


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head whose last layer is initialised to zero."""
    return created(TwoPhase, settings.network, settings, weights, dense=UNITS)


restore = TwoPhase.restore
