"""Inception-ResNet-v2 (54.3 M parameters; Szegedy et al. 2016, arXiv 1602.07261), ImageNet weights, average pooling
and one linear layer, all fine-tuned.

The study has two output units with softmax. One logit is equivalent: only the difference of the units matters.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FrozenSteps, NetworkSettings

fit, restore = loop.fit, Backboned.restore


class Settings(NetworkSettings):
    """All layers are trained from the first step."""

    network: ClassVar[str] = "inception_resnet_v2"

    kind: Literal["inception_resnet_v2"]
    input_size: int = Field(128, ge=96, le=512, multiple_of=32, description="pixels the network sees, 96 or more")
    frozen_steps: FrozenSteps = 0


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head initialised to zero."""
    return created(Backboned, settings.network, settings, weights)
