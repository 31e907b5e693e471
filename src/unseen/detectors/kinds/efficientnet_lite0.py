"""EfficientNet-lite0 (3.4 M parameters), ImageNet weights, all layers fine-tuned."""

from pathlib import Path
from typing import Any

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings, NetworkSettings

BACKBONE = "tf_efficientnet_lite0"

fit = loop.fit


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    assert isinstance(settings, NetworkSettings)
    return created(Backboned, BACKBONE, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return Backboned(**config)
