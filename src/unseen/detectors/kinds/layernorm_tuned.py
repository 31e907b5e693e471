"""LayerNorm tuning: only the LayerNorms and a linear head on L2-normalised features are trained (GenD: Yermakov et
al. 2025, arXiv 2508.06248).

Few weights change, so a foundation model keeps its features. The paper uses AdamW with a learning rate of 3e-4.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import nn

from unseen.core.errors import UserError
from unseen.detectors.shared import loop
from unseen.detectors.shared.any_backbone import UnitFeatures, created_on
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.settings import Backbone, FrozenSteps, InputSize, NetworkSettings

fit = loop.fit


class Settings(NetworkSettings):
    """Only LayerNorms and the head are trained, from the first step on."""

    kind: Literal["layernorm_tuned"]
    backbone: Backbone
    input_size: InputSize = 224
    frozen_steps: FrozenSteps = 0
    learning_rate: float = Field(0.0003, gt=0, lt=1)


class LayerNormTuned(UnitFeatures):
    """A network with trainable LayerNorms. Batch norms and group norms are not trained: the paper has no results for
    them."""

    def norms(self) -> list[nn.LayerNorm]:
        """The network's LayerNorms."""
        return [module for module in self.network.modules() if isinstance(module, nn.LayerNorm)]

    def trainable(self) -> Iterable[nn.Parameter]:
        """The weights and biases of the LayerNorms, and the head."""
        for module in [*self.norms(), self.classifier]:
            yield from module.parameters()


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with the network's weights and a head initialised to zero.

    Raises:
        UserError: the network has no LayerNorm; or see `created_on`.
    """
    ela = settings.ela.model_dump() if settings.ela else None
    model = created_on(
        LayerNormTuned, settings.backbone, settings.input_size, weights, ela=ela, dropout=settings.dropout
    )
    if not model.norms():
        raise UserError(
            f"params: `backbone` is {settings.backbone!r}, which has no LayerNorm; choose a ViT or a ConvNeXt"
        )
    return model


restore = LayerNormTuned.restore
