"""MobileNetV1 (3.2 M parameters; Howard et al. 2017, arXiv 1704.04861), ImageNet weights, the last layers fine-tuned.

Each of its 13 blocks has a depthwise convolution and a pointwise convolution, each followed by a norm and an
activation. Trained weights, by timm's names:

- `last_layers: 10`: `blocks.4.0.conv_pw` to the end: conv_pw and bn2 of block 12, and all of block 13. 1,588,224
  parameters.
- `last_layers: 20`: `blocks.3.4.bn2` to the end: also conv_dw and bn1 of block 12, all of block 11, and bn2 of block
  10. 1,863,680 parameters. Keras counts one more layer, the padding before block 12's stride, so its
  last 20 layers do not include bn2 of block 10 (1,024 parameters).
"""

from pathlib import Path
from typing import ClassVar, Literal

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import Dropout, FrozenSteps, InputSize, LastLayersSettings

fit, restore = loop.fit, LastLayers.restore


class Settings(LastLayersSettings):
    """The head and the last layers are trained from the first step."""

    network: ClassVar[str] = "mobilenetv1_100"

    kind: Literal["mobilenet_v1"]
    input_size: InputSize = 224
    dropout: Dropout = 0.5
    frozen_steps: FrozenSteps = 0


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head initialised to zero."""
    return created_with_last_layers(settings.network, settings, weights)
