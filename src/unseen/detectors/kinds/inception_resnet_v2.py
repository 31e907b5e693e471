"""Inception-ResNet-v2 (54.3 M parameters), ImageNet weights, average pooling and one layer, all fine-tuned.

One logit, where a study has two units with softmax: the same function, as only the difference of two counts.
"""

from pathlib import Path
from typing import Any

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings, NetworkSettings

BACKBONE = "inception_resnet_v2"

fit = loop.fit


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    assert isinstance(settings, NetworkSettings)
    return created(Backboned, BACKBONE, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return Backboned(**config)
