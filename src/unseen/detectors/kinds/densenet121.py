"""DenseNet-121 (7.0 M parameters; Huang et al. 2017, arXiv 1608.06993), ImageNet weights, the last layers fine-tuned.

A dense layer is norm, activation, convolution, twice; the network ends with a norm and an activation. Keras counts
concatenations as layers too, so the same `last_layers` reaches further back here than there.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import LastLayersSettings

fit = loop.fit


class Settings(LastLayersSettings):
    """The settings of every network, and `last_layers`."""

    network: ClassVar[str] = "densenet121"

    kind: Literal["densenet121"]


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    return created_with_last_layers(settings.network, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return LastLayers(**config)
