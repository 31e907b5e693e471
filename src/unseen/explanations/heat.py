"""Heatmaps of a detector's decisions. The method depends on the network:

- A detector with a method `heatmap`: its own heatmap.
- A network with feature maps, or a ViT: gradient x activation ("HiResCAM", Draelos and Carin 2020, arXiv 2011.08891).
  This equals Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) for networks that end with global average pooling. In
  others, such as a discriminator or a ViT, Grad-CAM averages gradients and may highlight places without influence.
- Other networks: occlusion (Zeiler and Fergus 2014, arXiv 1311.2901), the decrease of the logit when a square is
  covered with the picture's mean colour.
"""

import math
import warnings
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerGradientXActivation, Occlusion
from torch import Tensor, nn
from torch.nn import functional

from unseen.data.pictures import Pixels
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import as_batch

Heat = npt.NDArray[np.float32]
Method = Literal["own", "grad_cam", "occlusion"]

PLACES = 4
"""Minimum side of the feature map, if the network has such a map. At 64 px the last map of most networks is 2 x 2 and
disagrees with occlusion (mean correlation -0.13 for EfficientNet-lite0 on the default faces; 0.24 at 4 x 4, 0.18
at 8 x 8). At 128 px and more the network's last map is used, as in the paper."""

BATCH = 32
"""Batch size."""

SQUARES = 4
"""Size of the occluding squares: the picture's side is 4 squares. Their stride is half a square: 49 positions."""


def _tokens(network: Any) -> bool:
    """Whether the network is a ViT of timm."""
    return all(hasattr(network, name) for name in ("patch_embed", "blocks", "num_prefix_tokens"))


def _place(model: Detector, pixels: Tensor) -> nn.Module | None:
    """The layer whose output is used; None if there is no suitable layer.

    For a ViT it is the first norm of the last block, since later outputs may depend on the class token alone, which
    has no position. For others it is the last layer with a map of at least PLACES, or else with the finest map.
    """
    network: Any = getattr(model, "network", None)
    if _tokens(network):
        norm: nn.Module = network.blocks[-1].norm1
        return norm
    channels_last = any(getattr(part, "output_fmt", "NCHW") != "NCHW" for part in model.modules())
    several = any(isinstance(part, Detector) for part in model.modules() if part is not model)
    if channels_last or several:
        return None
    maps: list[tuple[int, nn.Module]] = []

    def record(layer: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            maps.append((min(output.shape[2:]), layer))

    hooks = [part.register_forward_hook(record) for part in model.modules() if part is not model]
    with torch.no_grad():
        model(pixels[:1])
    for hook in hooks:
        hook.remove()
    wanted = min(PLACES, max((places for places, _ in maps), default=0))
    return next((layer for places, layer in reversed(maps) if places >= wanted), None)


def _grad_cam(model: Detector, layer: nn.Module, pixels: Tensor, sign: Tensor) -> Tensor:
    """Gradient x activation, summed over channels: [n, h, w]."""

    def signed_logits(x: Tensor) -> Tensor:
        logits: Tensor = model(x)
        return logits.float() * sign

    with warnings.catch_warnings():  # captum warns that pixels are integers and have no gradient; none is needed
        warnings.simplefilter("ignore")
        found = cast(Tensor, LayerGradientXActivation(signed_logits, layer).attribute(pixels)).detach().float()
    if found.ndim == 4:
        return found.sum(1)
    network: Any = model.network
    tokens = found.sum(2)[:, network.num_prefix_tokens :]
    side = math.isqrt(tokens.shape[1])  # crops and thus token grids are square
    return tokens.reshape(len(tokens), side, side)


def _occlusion(model: Detector, pixels: Tensor) -> Tensor:
    """Decrease of the logit when a square is covered, [n, s, s]; positive where the picture is evidence for fake."""
    size = pixels.shape[-1]
    side = max(2, size // SQUARES)

    def rounded_logits(x: Tensor) -> Tensor:  # the mean colour is not an integer, but some kinds need integers
        logits: Tensor = model(x.round().to(torch.uint8))
        return logits

    covered = pixels.float().mean((2, 3), keepdim=True).expand_as(pixels)
    step = max(1, side // 2)
    found = Occlusion(rounded_logits).attribute(
        pixels.float(),
        sliding_window_shapes=(pixels.shape[1], side, side),
        strides=(pixels.shape[1], step, step),
        baselines=covered,
        perturbations_per_eval=max(1, BATCH // len(pixels)),
    )
    return cast(Tensor, found)[:, 0]


def _prepared(model: Detector, pixels: Pixels, device: torch.device) -> tuple[Method, nn.Module | None]:
    if hasattr(model, "heatmap"):
        return "own", None
    layer = _place(model, as_batch(pixels[:1], device))
    return ("grad_cam", layer) if layer is not None else ("occlusion", None)


def method_of(model: Detector, pixels: Pixels, device: torch.device) -> Method:
    """The method for a detector in evaluation mode, for pictures of this size, uint8 [n, s, s, 3]."""
    return _prepared(model, pixels, device)[0]


def heat(model: Detector, pixels: Pixels, fake: npt.NDArray[np.bool_], device: torch.device) -> Heat:
    """Compute heatmaps of the evidence for each decision.

    Args:
        model: a detector in evaluation mode, on the device.
        pixels: pictures uint8 [n, s, s, 3], at least one.
        fake: decisions [n]. If true, heat is evidence for fake, otherwise for real, independent of the true label.

    Returns:
        Heat, float32 [n, s, s], 0 to 1, scaled by the maximum of each picture; all 0 if there is no evidence.
    """
    method, layer = _prepared(model, pixels, device)
    parts = []
    for start in range(0, len(pixels), BATCH):
        x = as_batch(pixels[start : start + BATCH], device)
        sign = torch.where(torch.from_numpy(fake[start : start + BATCH]), 1.0, -1.0).to(device)
        if layer is not None:
            found = _grad_cam(model, layer, x, sign)
        else:
            with torch.no_grad():
                explainer: Any = model.heatmap if method == "own" else lambda x: _occlusion(model, x)
                found = explainer(x).float() * sign[:, None, None]
        parts.append(_scaled(found, pixels.shape[1]).cpu().numpy())
    return np.concatenate(parts)


def _scaled(found: Tensor, size: int) -> Tensor:
    """Positive values of [n, h, w], resized to [n, size, size] and divided by the maximum of each picture."""
    positive = found.float().clamp(min=0)[:, None]
    if positive.shape[-1] != size:
        positive = functional.interpolate(positive, (size, size), mode="bilinear", align_corners=False)
    most = positive.amax((2, 3), keepdim=True)
    return (positive / most.where(most > 0, 1.0))[:, 0]
