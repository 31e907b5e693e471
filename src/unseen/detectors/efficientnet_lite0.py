"""EfficientNet-lite0 (3.4 M parameters), ImageNet weights, all layers fine-tuned."""

from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from unseen.detectors import loop
from unseen.detectors.base import Detector, resized
from unseen.detectors.settings import LogisticSettings, NetworkSettings
from unseen.errors import UserError

MEAN = STD = 127.5
"""The packaged weights were trained on (pixels - 127.5) / 127.5."""

fit = loop.fit


class EfficientNetLite0(Detector):
    """timm's `tf_efficientnet_lite0` with one logit."""

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.config = {"input_size": input_size}
        self.network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=1)

    def head(self) -> nn.Linear:
        """The linear layer."""
        classifier: nn.Linear = self.network.get_classifier()
        return classifier

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        x = (resized(pixels, self.config["input_size"]) - MEAN) / STD
        logits: Tensor = self.network(x.contiguous(memory_format=torch.channels_last))
        return logits.flatten()


def _backbone_weights(folder: Path, names: list[str]) -> dict[str, Tensor]:
    """The packaged checkpoint, whose tensors stand in timm's order under older names; without the classifier.

    Raises:
        UserError: the file is missing or is not this network's.
    """
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise UserError(f"{folder}: expected one .pth file with ImageNet weights; run `dvc repro download_asset`")
    state: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    if len(state) != len(names):
        raise UserError(f"{files[0]}: holds {len(state)} tensors, EfficientNet-lite0 has {len(names)}")
    return {new: value for new, value in zip(names, state.values(), strict=True) if "classifier" not in new}


def create(settings: NetworkSettings | LogisticSettings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero."""
    assert isinstance(settings, NetworkSettings)
    model = EfficientNetLite0(settings.input_size)
    model.network.load_state_dict(_backbone_weights(weights, list(model.network.state_dict())), strict=False)
    nn.init.zeros_(model.head().weight)
    nn.init.zeros_(model.head().bias)
    return model


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return EfficientNetLite0(**config)
