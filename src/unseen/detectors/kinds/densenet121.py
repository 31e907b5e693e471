"""DenseNet-121 (7.0 M parameters; Huang et al. 2017, arXiv 1608.06993), ImageNet weights, the last layers fine-tuned.

Keras also counts concatenations as layers, so the same `last_layers` reaches further back here than in Keras.
"""

from pathlib import Path
from typing import ClassVar, Literal

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import LastLayersSettings

fit, restore = loop.fit, LastLayers.restore


class Settings(LastLayersSettings):
    """Settings shared by all networks, and `last_layers`."""

    network: ClassVar[str] = "densenet121"

    kind: Literal["densenet121"]


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head initialised to zero."""
    return created_with_last_layers(settings.network, settings, weights)
