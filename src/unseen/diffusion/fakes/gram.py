"""Gram distances of pictures, by the feature maps of VGG-19 (Gatys et al. 2016, "Image style transfer").

A Gram matrix G = F F^T has the products of the feature maps F of a layer, summed over positions: which features occur
together, wherever they are. Study D compares a real face and the picture made of it by the L1 distance of these.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.diffusion.fakes.settings import VGG19

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
"""Places of VGG-19's convolutions in `features`, up to the last layer that is used."""

POOLS = (4, 9, 18, 27)

LAYERS = (0, 5, 10, 19, 28)
"""conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1, after their ReLU; the study names no layers."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def gram_matrices(features: Tensor) -> Tensor:
    """Gram matrices [n, c, c] of feature maps [n, c, h, w], divided by the number of positions h x w."""
    maps = features.flatten(2)
    return maps @ maps.transpose(1, 2) / maps.shape[2]


def layer_distances(first: Tensor, second: Tensor) -> Tensor:
    """L1 distances [n] of the Gram matrices of feature maps [n, c, h, w]: the mean of |G1 - G2| over entries."""
    return (gram_matrices(first) - gram_matrices(second)).abs().mean((1, 2))


class Vgg19(nn.Module):
    """VGG-19 up to conv5_1 (Simonyan and Zisserman 2014). Channels are those of the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self, state: dict[str, Tensor]) -> None:
        """`state` has `features.N.weight` and `features.N.bias` as torchvision and timm name them.

        Raises:
            KeyError, ValueError: the weights are of another network.
        """
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for place in range(LAYERS[-1] + 1):
            if place in CONVOLUTIONS:
                weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
                if tuple(weight.shape[1:]) != (before, 3, 3):
                    raise ValueError(f"features.{place}.weight is {tuple(weight.shape)}")
                before = weight.shape[0]
                layer = nn.Conv2d(weight.shape[1], before, 3, padding=1)
                layer.load_state_dict({"weight": weight.float(), "bias": bias.float()})
                layers.append(layer)
            else:
                layers.append(nn.MaxPool2d(2) if place in POOLS else nn.ReLU())
        self.features = nn.ModuleList(layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Feature maps of the `LAYERS`, of pictures [n, 3, s, s] in [0, 1]."""
        found, maps = [], (pictures - self.mean) / self.std
        for place, layer in enumerate(self.features):
            maps = layer(maps)
            if place in LAYERS:
                found.append(functional.relu(maps))
        return found


def load_vgg19(folder: Path) -> Vgg19:
    """Load VGG-19 from a folder with one safetensors file; the network is built here and nothing is unpickled.

    Raises:
        UserError: there is no such file, it is damaged, or it has weights of another network.
    """
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise UserError(f"{folder}: expected one .safetensors file with VGG-19's weights; {VGG19}")
    try:
        return Vgg19(load_file(files[0]))
    except (KeyError, ValueError, SafetensorError) as error:
        raise UserError(f"{files[0]}: not the weights of VGG-19 ({error}); {VGG19}") from error


def _seen(picture: Tensor, side: int) -> Tensor:
    """A picture uint8 [3, h, w] as the network sees it: [1, 3, side, side] in [0, 1]."""
    scaled = functional.interpolate(picture[None].float() / 255, (side, side), mode="bilinear", antialias=True)
    return scaled.clamp(0, 1)


@torch.no_grad()
def gram_distances(real: Sequence[Tensor], made: Sequence[Tensor], network: nn.Module, side: int) -> Tensor:
    """Gram distances [n] on the CPU, float64, between pictures at the same places: the mean over layers.

    Args:
        real: n pictures uint8 [3, h, w] of any sizes, or a tensor [n, 3, h, w].
        made: n pictures, likewise.
        network: gives a list of feature maps; see `Vgg19`.
        side: pixels to which all are resized for the network.
    """
    device = next(network.parameters()).device
    found = []
    # One pair at a time: the last bits of a batch depend on its size.
    for one, other in zip(real, made, strict=True):
        maps = (network(_seen(picture.to(device), side)) for picture in (one, other))
        layers = [layer_distances(first, second) for first, second in zip(*maps, strict=True)]
        found.append(torch.stack(layers).mean(0).double().cpu())
    return torch.cat(found)
