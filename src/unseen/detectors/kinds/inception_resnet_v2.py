"""Inception-ResNet-v2 (54.3 M parameters; Szegedy et al. 2016, arXiv 1602.07261), ImageNet weights, average pooling
and one linear layer, all fine-tuned.

It has one logit where a study has two units with softmax. The function is the same, because only the difference of
the two units matters.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import NetworkSettings

fit = loop.fit


class Settings(NetworkSettings):
    """All layers are trained from the first step."""

    network: ClassVar[str] = "inception_resnet_v2"

    kind: Literal["inception_resnet_v2"]
    input_size: int = Field(128, ge=96, le=512, multiple_of=32, description="pixels the network sees, 96 or more")
    frozen_steps: int = Field(0, ge=0, description="first steps, in which only the head's weights are trained")


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    return created(Backboned, settings.network, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return Backboned(**config)
