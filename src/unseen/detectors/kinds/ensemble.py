"""Two detectors as one: the mean of their calibrated logits."""

import importlib
from typing import Any

from torch import Tensor, nn

from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.calibration import LARGEST, SMALLEST, checked_number


class Ensemble(Detector):
    """weight x first + (1 - weight) x second, each its logit divided by its own temperature: what each is sure of
    counts, and not how large its numbers are."""

    def __init__(self, members: list[dict[str, Any]], weight: float) -> None:
        """`members` have kind, config and temperature."""
        super().__init__()
        checked_number("config.weight", weight, 0, 1)
        for one in members:
            checked_number("config.members.temperature", one["temperature"], SMALLEST, LARGEST)
        self.config = {"members": members, "weight": weight}
        self.members = nn.ModuleList(
            importlib.import_module(f"unseen.detectors.kinds.{one['kind']}").restore(one["config"]) for one in members
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        first, second = (
            member(pixels).double() / one["temperature"]
            for member, one in zip(self.members, self.config["members"], strict=True)
        )
        weight = self.config["weight"]
        mean: Tensor = weight * first + (1 - weight) * second
        return mean


def joined(members: list[dict[str, Any]], states: list[dict[str, Tensor]], weight: float) -> Ensemble:
    """The ensemble of two trained detectors, whose states it takes."""
    model = Ensemble(members, weight)
    for member, state in zip(model.members, states, strict=True):
        member.load_state_dict(state)
    return model.eval()  # type: ignore[return-value]


def restore(config: dict[str, Any]) -> Detector:
    """The same networks, for weights that are loaded afterwards."""
    return Ensemble(**config)
