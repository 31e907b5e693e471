"""A truncated network with one logit per patch (Chai et al. 2020, "What makes fake images detectable?", arXiv
2008.10588, with Xception and ResNet-18).

The receptive field of each output is a patch. A patch shows little content, so the network learns local artifacts.
"""

import copy
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.detectors.shared import loop
from unseen.detectors.shared.any_backbone import created_on
from unseen.detectors.shared.base import Detector, Rows, Task
from unseen.detectors.shared.settings import Backbone, NetworkSettings
from unseen.detectors.shared.truncated import Truncated

fit = loop.fit


class Settings(NetworkSettings):
    """Settings shared by all networks, and where the network is cut off."""

    kind: Literal["patch"]
    backbone: Backbone
    stage: int = Field(2, ge=0, le=4, description="last stage to keep, as timm counts; 0 is the stem")


class Patches(Truncated):
    """A linear layer on each patch. The picture's logit is the mean over patches; the loss is computed per patch."""

    def heatmap(self, pixels: Tensor) -> Tensor:
        """Logits of the patches [n, h, w], for pixels uint8 [n, 3, s, s]."""
        logits: Tensor = self.classifier(self.maps(self.network_input(pixels)).permute(0, 2, 3, 1))
        return logits.squeeze(-1)

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        return self.heatmap(pixels).mean((1, 2))

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Mean log loss over patches; each patch has the label of its picture."""
        logits = self.heatmap(pixels).float()
        return functional.binary_cross_entropy_with_logits(logits, labels[:, None, None].expand_as(logits))


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with the network's weights and a head initialised to zero.

    Raises:
        UserError: timm can't cut the network there, or its outputs see the whole picture; or see `created_on`.
    """
    ela = settings.ela.model_dump() if settings.ela else None
    knobs = {"stage": settings.stage, "ela": ela, "dropout": settings.dropout}
    model = created_on(Patches, settings.backbone, settings.input_size, weights, **knobs)
    if _sees_across(model):
        raise UserError(
            f"params: after stage {settings.stage} of {settings.backbone!r} a patch sees the whole picture of "
            f"{settings.input_size} px; lower `stage`, raise `input_size`, or choose a `backbone` without attention"
        )
    return model


def _sees_across(model: Patches) -> bool:
    """Whether the patch in one corner depends on pixels in the opposite corner: after attention or
    squeeze-and-excitation, or if the picture is small."""
    size = model.config["input_size"]
    x = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    probe = copy.deepcopy(model).eval()
    for weight in probe.parameters():
        if weight.ndim == 1:  # a scale initialised to zero would hide its branch
            nn.init.ones_(weight)
    (slope,) = torch.autograd.grad(probe.maps(x)[..., -1, -1].sum(), x)
    return bool(slope[..., :2, :2].any())


restore = Patches.restore
