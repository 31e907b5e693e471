"""Detectors on the timm network that their knob `backbone` names."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.detectors.shared.backbone import Backboned, initialise
from unseen.detectors.shared.backbone_names import check_backbone
from unseen.detectors.shared.pretrained import one_line


class UnitFeatures(Backboned):
    """A network with L2-normalised features (Ojha et al. 2023, arXiv 2302.10174; Yermakov et al. 2025, arXiv
    2508.06248)."""

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled features [n, d] with L2 norm 1, for pixels uint8 [n, 3, s, s]."""
        return functional.normalize(super().features(pixels).float(), dim=1)


Made = TypeVar("Made", bound=Backboned)


def created_on(kind: type[Made], backbone: str, input_size: int, weights: Path, **knobs: Any) -> Made:
    """A new detector with the network's weights and a last layer initialised to zero.

    Args:
        kind: class of the detector; its last layer is `classifier[-1]`.
        backbone: timm's name, with or without a tag. A ViT interpolates its position embeddings if timm supports it.
        input_size: pixels.
        weights: see `load_backbone`.
        knobs: further arguments of `kind`.

    Raises:
        UserError: timm has no such network, it can't take this input size, or its weights are not available.
    """
    check_backbone(backbone, "backbone")
    try:
        try:
            model = kind(backbone=backbone, input_size=input_size, dynamic_img_size=True, **knobs)
        except TypeError:  # not a ViT, or one with a fixed input size
            model = kind(backbone=backbone, input_size=input_size, **knobs)
    except RuntimeError as error:  # timm does not know the tag
        raise UserError(f"params: `backbone` is {backbone!r}: {one_line(error)}") from None
    initialise(model, backbone, weights)
    _check_size(model)
    return model


@torch.inference_mode()
def _check_size(model: Backboned) -> None:
    size = model.config["input_size"]
    try:
        model.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    except (AssertionError, RuntimeError, ValueError) as error:
        trained_at = model.network.pretrained_cfg["input_size"][-1]  # type: ignore[index, union-attr]
        raise UserError(
            f"params: `input_size` is {size}, which `{model.config['backbone']}` can't take ({one_line(error)}); "
            f"it was trained at {trained_at} px, and most networks take 224"
        ) from None
