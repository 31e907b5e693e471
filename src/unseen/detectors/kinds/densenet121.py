"""DenseNet-121 (7.0 M parameters), ImageNet weights, the last layers fine-tuned.

Its layers come as norm, activation, convolution, twice in each dense layer, and a norm and an activation at the end.
Keras counts concatenations besides, so that a number of its last layers reaches less far back than here.
"""

from pathlib import Path
from typing import Any

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings

BACKBONE = "densenet121"

fit = loop.fit


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    return created_with_last_layers(BACKBONE, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return LastLayers(**config)
