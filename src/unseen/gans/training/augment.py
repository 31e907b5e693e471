"""DiffAugment: differentiable colour, translation and cutout, on reals and fakes alike (Zhao et al. 2020, arXiv
2006.10738)."""

import torch
from torch import Tensor
from torch.nn import functional


def _colour(x: Tensor, draw: Tensor) -> Tensor:
    """Brightness, saturation and contrast; `draw` is [n, 3] in [0, 1)."""
    brightness, saturation, contrast = (draw[:, i, None, None, None] for i in range(3))
    x = x + brightness - 0.5
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (contrast + 0.5) + mean


def _translate(x: Tensor, draw: Tensor) -> Tensor:
    """Shift by up to an eighth of the side, with zero padding; `draw` is [n, 2] in [0, 1)."""
    size = x.shape[-1]
    reach = size // 8
    shift = (draw * (2 * reach + 1)).floor().long()
    padded = functional.pad(x, [reach] * 4)
    places = torch.arange(size, device=x.device)
    rows, columns = places + shift[:, :1], places + shift[:, 1:]
    picked = padded.gather(2, rows[:, None, :, None].expand(-1, x.shape[1], -1, padded.shape[3]))
    return picked.gather(3, columns[:, None, None, :].expand(-1, x.shape[1], size, -1))


def _cutout(x: Tensor, draw: Tensor) -> Tensor:
    """A grey square of half the side; `draw` is [n, 2] in [0, 1)."""
    size = x.shape[-1]
    middle = (draw * size).floor()
    away = torch.arange(size, device=x.device)[None, None] - middle[:, :, None]
    inside = (away >= -(size // 4)) & (away < size // 4)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    return x * (~hole)[:, None]


def draw(count: int, random: torch.Generator) -> Tensor:
    """Random numbers for `count` pictures: [count, 7] in [0, 1), on the host."""
    return torch.rand(count, 7, generator=random)


def diff_augment(x: Tensor, draws: Tensor) -> Tensor:
    """Augment pictures [n, 3, s, s] in [-1, 1], each by its row of draws [n, 7] on the same device."""
    return _cutout(_translate(_colour(x, draws[:, :3]), draws[:, 3:5]), draws[:, 5:])
