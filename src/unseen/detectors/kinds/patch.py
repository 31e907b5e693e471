"""A network that is cut off while each of its outputs still sees a patch and not the whole picture, with a logit for
each patch (Chai et al. 2020, "What makes fake images detectable?", arXiv 2008.10588, with Xception and ResNet-18).

A patch says little about what is pictured, so the network learns how pictures were made.
"""

import copy
from pathlib import Path
from typing import Any, Literal

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
    """Where the network is cut off."""

    kind: Literal["patch"]
    backbone: Backbone
    stage: int = Field(2, ge=0, le=4, description="the last stage that is kept, as timm counts; 0 is the stem")


class Patches(Truncated):
    """One linear layer for all patches. The mean over the patches is the picture's logit. The layer would give the
    same for the mean features, but here each patch has a loss of its own."""

    def heatmap(self, pixels: Tensor) -> Tensor:
        """The logit of each patch, [n, h, w], row by row from the top left, of pixels uint8 [n, 3, s, s]."""
        logits: Tensor = self.classifier(self.maps(self.seen(pixels)).permute(0, 2, 3, 1))
        return logits.squeeze(-1)

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        return self.heatmap(pixels).mean((1, 2))

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss of every patch for itself: each is as real or as fake as its picture."""
        logits = self.heatmap(pixels).float()
        return functional.binary_cross_entropy_with_logits(logits, labels[:, None, None].expand_as(logits))


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with the network's weights and a head that starts at zero.

    Raises:
        UserError: the network can't be cut there, or its outputs see the whole picture; or see `created_on`.
    """
    ela = settings.ela.model_dump() if settings.ela else None
    knobs = {"stage": settings.stage, "ela": ela, "dropout": settings.dropout}
    model = created_on(Patches, settings.backbone, settings.input_size, weights, **knobs)
    if _sees_across(model):
        raise UserError(
            f"params: after stage {settings.stage} of {settings.backbone!r} a patch sees the whole picture of "
            f"{settings.input_size} px: give a lower `stage`, larger pictures, or a `backbone` without attention"
        )
    return model


def _sees_across(model: Patches) -> bool:
    """Whether the patch in one corner depends on the pixels in the opposite one, as it does after attention or
    squeeze-and-excitation, or where the picture is small."""
    size = model.config["input_size"]
    x = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    probe = copy.deepcopy(model).eval()
    for weight in probe.parameters():
        if weight.ndim == 1:  # a scale that starts at zero would hide a branch that is to learn
            nn.init.ones_(weight)
    (slope,) = torch.autograd.grad(probe.maps(x)[..., -1, -1].sum(), x)
    return bool(slope[..., :2, :2].any())


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return Patches(**config)
