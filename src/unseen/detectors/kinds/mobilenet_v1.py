"""MobileNetV1 (3.2 M parameters), ImageNet weights, the last layers fine-tuned.

Its 13 blocks are a depthwise convolution, norm, activation, a pointwise convolution, norm, activation. What holds
weights among the last layers, by timm's names:

- `last_layers: 10`: `blocks.4.0.conv_pw` to the end, that is conv_pw and bn2 of block 12, and all of block 13
  (conv_dw, bn1, conv_pw, bn2): 1,588,224 parameters.
- `last_layers: 20`: `blocks.3.4.bn2` to the end: besides those, conv_dw and bn1 of block 12, all of block 11, and
  bn2 of block 10: 1,863,680 parameters. Keras has one more layer on the way, the padding before block 12's stride,
  so that there bn2 of block 10, 1,024 parameters, stays closed.
"""

from pathlib import Path
from typing import Any

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings

BACKBONE = "mobilenetv1_100"

fit = loop.fit


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    return created_with_last_layers(BACKBONE, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return LastLayers(**config)
