"""What in a picture spoke for a detector's verdict: a heat for each pixel, by a method that fits the network.

- A detector with a `heatmap` of its own: that.
- A network with maps of features, or a ViT: slope x activation (Grad-CAM without its average of the slopes over the
  picture: "HiResCAM", Draelos and Carin 2020, arXiv 2011.08891). Where the network itself ends with a global average,
  as nearly all do, that average changes nothing and this is Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391); where
  it does not, as in a discriminator or a ViT, Grad-CAM would show places that had no say.
- Anything else: occlusion (Zeiler and Fergus 2014, arXiv 1311.2901), how far the logit falls when a square is
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
"""Places in a row that the map has at least, if the network has such a map. A map of 2 x 2, the last of most networks
at 64 px, shows something else than occlusion does (mean correlation -0.13 for EfficientNet-lite0 on the default run's
faces; 0.24 at 4 x 4, 0.18 at 8 x 8). At 128 px and more it is the network's last map, as in the paper."""

BATCH = 32
"""Pictures that a network sees at a time."""

SQUARES = 4
"""Covered squares would fit so often into a row; they stand half a square apart, so there are 49 places."""


def _tokens(network: Any) -> bool:
    """Whether it is one of timm's ViTs."""
    return all(hasattr(network, name) for name in ("patch_embed", "blocks", "num_prefix_tokens"))


def _place(model: Detector, pixels: Tensor) -> nn.Module | None:
    """The layer whose output is looked at; None where there is none.

    Of a ViT the first norm of its last block: behind it often only the class token counts, which has no place. Of
    others the last layer with a map of PLACES in a row, or with the finest that there is.
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

    def look(layer: nn.Module, given: object, made: object) -> None:
        if isinstance(made, Tensor) and made.ndim == 4 and min(made.shape[2:]) > 1:
            maps.append((min(made.shape[2:]), layer))

    hooks = [part.register_forward_hook(look) for part in model.modules() if part is not model]
    with torch.no_grad():
        model(pixels[:1])
    for hook in hooks:
        hook.remove()
    wanted = min(PLACES, max((places for places, _ in maps), default=0))
    return next((layer for places, layer in reversed(maps) if places >= wanted), None)


def _grad_cam(model: Detector, layer: nn.Module, pixels: Tensor, sign: Tensor) -> Tensor:
    """Slope x activation, summed over channels: [n, h, w]."""

    def towards(x: Tensor) -> Tensor:
        logits: Tensor = model(x)
        return logits.float() * sign

    with warnings.catch_warnings():  # captum wants slopes of the pixels too, which are integers; nobody needs them
        warnings.simplefilter("ignore")
        found = cast(Tensor, LayerGradientXActivation(towards, layer).attribute(pixels)).detach().float()
    if found.ndim == 4:
        return found.sum(1)
    network: Any = model.network
    tokens = found.sum(2)[:, network.num_prefix_tokens :]
    side = math.isqrt(tokens.shape[1])  # crops are squares, and so is their grid of tokens, row by row
    return tokens.reshape(len(tokens), side, side)


def _occlusion(model: Detector, pixels: Tensor) -> Tensor:
    """How far the logit falls where a square is covered, [n, s, s]: positive where the picture speaks for fake."""
    size = pixels.shape[-1]
    side = max(2, size // SQUARES)

    def answer(x: Tensor) -> Tensor:  # the mean colour need not be an integer, and some kinds see nothing else
        logits: Tensor = model(x.round().to(torch.uint8))
        return logits

    covered = pixels.float().mean((2, 3), keepdim=True).expand_as(pixels)
    step = max(1, side // 2)
    found = Occlusion(answer).attribute(
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
    """How a detector in evaluation mode is asked, at the size of these pictures uint8 [n, s, s, 3]."""
    return _prepared(model, pixels, device)[0]


def heat(model: Detector, pixels: Pixels, fake: npt.NDArray[np.bool_], device: torch.device) -> Heat:
    """What spoke for each verdict.

    Args:
        model: a detector in evaluation mode, on the device.
        pixels: uint8 [n, s, s, 3], at least one.
        fake: [n], whether the verdict was "fake": then the heat is of what speaks for fake; otherwise of what speaks
            for real. So it is of the same side where the verdict is right or wrong: of what the detector went by.

    Returns:
        float32 [n, s, s], 0 to 1: each picture by its own maximum. All 0 where nothing speaks for the verdict.
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
                answer: Any = model.heatmap if method == "own" else lambda x: _occlusion(model, x)
                found = answer(x).float() * sign[:, None, None]
        parts.append(_scaled(found, pixels.shape[1]).cpu().numpy())
    return np.concatenate(parts)


def _scaled(found: Tensor, size: int) -> Tensor:
    """What speaks for the verdict of values [n, h, w], at [n, size, size], each by its own maximum."""
    positive = found.float().clamp(min=0)[:, None]
    if positive.shape[-1] != size:
        positive = functional.interpolate(positive, (size, size), mode="bilinear", align_corners=False)
    most = positive.amax((2, 3), keepdim=True)
    return (positive / most.where(most > 0, 1.0))[:, 0]
