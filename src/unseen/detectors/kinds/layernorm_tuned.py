"""A network of which only the LayerNorms are tuned, beside a linear head on features of length 1 (GenD: Yermakov et
al. 2025, arXiv 2508.06248): so few weights that a foundation model keeps what it knows. There, AdamW at 3e-4."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from unseen.core.errors import UserError
from unseen.detectors.shared import loop
from unseen.detectors.shared.any_backbone import UnitFeatures, created_on
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import FittedSettings, LayerNormSettings

fit = loop.fit


class LayerNormTuned(UnitFeatures):
    """LayerNorms and nothing else: the scales of a batch or a group norm are as few, but there is no result to follow
    for them, and batch statistics would move with them."""

    def norms(self) -> list[nn.LayerNorm]:
        """The network's LayerNorms."""
        return [module for module in self.network.modules() if isinstance(module, nn.LayerNorm)]

    def opened(self) -> Iterable[nn.Parameter]:
        """Scales and shifts of the norms, and the head."""
        for module in [*self.norms(), self.classifier]:
            yield from module.parameters()


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector with the network's weights and a head that starts at zero.

    Raises:
        UserError: the network has no LayerNorm; or see `created_on`.
    """
    assert isinstance(settings, LayerNormSettings)
    ela = settings.ela.model_dump() if settings.ela else None
    model = created_on(
        LayerNormTuned, settings.backbone, settings.input_size, weights, ela=ela, dropout=settings.dropout
    )
    if not model.norms():
        raise UserError(
            f"params: `backbone` is {settings.backbone!r}, which has no LayerNorm to tune; take a ViT or a ConvNeXt"
        )
    return model


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return LayerNormTuned(**config)
