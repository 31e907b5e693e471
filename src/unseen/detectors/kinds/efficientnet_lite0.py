"""EfficientNet-lite0 (3.4 M parameters; EfficientNet: Tan and Le 2019, arXiv 1905.11946), ImageNet weights, all
layers fine-tuned. The lite variant has neither squeeze-and-excitation nor swish, so it is fast on CPUs."""

from pathlib import Path
from typing import ClassVar, Literal

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import NetworkSettings

fit, restore = loop.fit, Backboned.restore


class Settings(NetworkSettings):
    """Settings shared by all networks."""

    network: ClassVar[str] = "tf_efficientnet_lite0"

    kind: Literal["efficientnet_lite0"]


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head initialised to zero."""
    return created(Backboned, settings.network, settings, weights)
