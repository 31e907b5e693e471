"""Detectors on whichever timm network their knob `backbone` names."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.detectors.shared.backbone import Backboned, load_backbone
from unseen.detectors.shared.backbone_names import check_backbone


class UnitFeatures(Backboned):
    """Features of length 1: what a picture is like counts, and not how strongly (Ojha et al. 2023, arXiv 2302.10174;
    Yermakov et al. 2025, arXiv 2508.06248)."""

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled features [n, d] of Euclidean length 1, of pixels uint8 [n, 3, s, s]."""
        return functional.normalize(super().features(pixels).float(), dim=1)


Made = TypeVar("Made", bound=Backboned)


def created_on(kind: type[Made], backbone: str, input_size: int, weights: Path, **knobs: Any) -> Made:
    """A fresh detector with the network's weights and a last layer that starts at zero: every picture is undecided.

    Args:
        kind: what is made; its last layer is `classifier[-1]`.
        backbone: timm's name, with or without a tag. A ViT that can take other sizes than it was trained at
            interpolates its positional embeddings.
        input_size: pixels.
        weights: see `load_backbone`.
        knobs: further arguments of `kind`.

    Raises:
        UserError: there is no such network, it can't take pictures of that size, or its weights can't be had.
    """
    check_backbone(backbone, "backbone")
    try:
        try:
            model = kind(backbone=backbone, input_size=input_size, dynamic_img_size=True, **knobs)
        except TypeError:  # not a ViT, or one that has a size for good
            model = kind(backbone=backbone, input_size=input_size, **knobs)
    except RuntimeError as error:  # timm's answer to a tag that it does not know
        raise UserError(f"params: `backbone` is {backbone!r}: {_one_line(error)}") from None
    load_backbone(model.network, backbone, weights)
    last = model.classifier[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
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
            f"params: `input_size` is {size}, which `{model.config['backbone']}` can't take ({_one_line(error)}); "
            f"it was trained at {trained_at} px, and most networks take 224"
        ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:150]
