"""Detectors on a timm network that is cut off after a stage."""

from typing import Any

import torch
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.detectors.shared.backbone import Backboned


class Truncated(Backboned):
    """A timm network up to and including a stage; later layers are removed.

    Args:
        stage: last stage to keep, as timm's `feature_info` counts; 0 is the stem.
        config: see `Backboned`.

    Raises:
        UserError: timm can't cut the network there.
    """

    def __init__(self, stage: int, **config: Any) -> None:
        super().__init__(**config)
        self.config["stage"] = stage
        network: Any = self.network
        stages = len(network.feature_info) if hasattr(network, "prune_intermediate_layers") else 0
        if stage >= stages:
            has = f"timm can cut it after stages 0 to {stages - 1}" if stages else "timm can't cut it"
            raise UserError(f"params: `stage` is {stage}, which `{self.config['backbone']}` does not have; {has}")
        network.prune_intermediate_layers([stage], prune_norm=True, prune_head=True)
        channels = network.feature_info[stage]["num_chs"]
        self.classifier = nn.Sequential(nn.Dropout(self.config["dropout"]), nn.Linear(channels, 1))

    def maps(self, inputs: Tensor) -> Tensor:
        """Feature maps [n, d, h, w] of the result of `network_input`."""
        network: Any = self.network
        x = inputs.contiguous(memory_format=torch.channels_last)
        kept = {"indices": [self.config["stage"]], "intermediates_only": True, "stop_early": True}
        found: Tensor = network.forward_intermediates(x, norm=False, **kept)[0]
        return found

    def features(self, pixels: Tensor) -> Tensor:
        """Spatial mean [n, d] of the feature maps, for pixels uint8 [n, 3, s, s]."""
        return self.maps(self.network_input(pixels)).mean((2, 3))
