"""MobileNetV1 (3.2 M parameters; Howard et al. 2017, arXiv 1704.04861), ImageNet weights, the last layers fine-tuned.

Each of its 13 blocks is a depthwise convolution, norm, activation, a pointwise convolution, norm, activation. These
of the last layers hold weights, by timm's names:

- `last_layers: 10`: `blocks.4.0.conv_pw` to the end, that is conv_pw and bn2 of block 12, and all of block 13
  (conv_dw, bn1, conv_pw, bn2): 1,588,224 parameters.
- `last_layers: 20`: `blocks.3.4.bn2` to the end: besides those, conv_dw and bn1 of block 12, all of block 11, and
  bn2 of block 10: 1,863,680 parameters. Keras counts one more layer, the padding before block 12's stride, so its
  last 20 layers do not include bn2 of block 10 (1,024 parameters).
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import LastLayers, created_with_last_layers
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import InputSize, LastLayersSettings

fit = loop.fit


class Settings(LastLayersSettings):
    """The head and the last layers are trained together, from the first step on."""

    network: ClassVar[str] = "mobilenetv1_100"

    kind: Literal["mobilenet_v1"]
    input_size: InputSize = Field(224, description="pixels the network sees; crops are resized")
    dropout: float = Field(0.5, ge=0, lt=1, description="before the last layer")
    frozen_steps: int = Field(0, ge=0, description="first steps, in which only the head's weights are trained")


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    return created_with_last_layers(settings.network, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return LastLayers(**config)
