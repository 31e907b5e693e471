"""What every kind of detector is: a network from stored pixels to a logit.

A kind is one file beside this one. It defines `create(settings, weights, size)`, which makes a detector
that is ready to be fitted; `restore(config)`, which makes the same network for weights that are loaded
afterwards; and `fit`, which fits one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn
from torch.nn import functional

from unseen.detectors.settings import LogisticSettings, NetworkSettings
from unseen.pictures import Faces
from unseen.runtime import Scratch


class Detector(nn.Module):
    """Pixels uint8 [n, 3, s, s] as they are stored, to logits [n], positive for fake.

    Attributes:
        config: plain data from which the kind's `restore` rebuilds the network.
    """

    config: dict[str, Any]

    def head(self) -> nn.Module:
        """The layer that is trained first."""
        raise TypeError(f"{type(self).__name__} has no head of its own")


def resized(pixels: Tensor, size: int) -> Tensor:
    """uint8 [n, 3, s, s] as float32 [n, 3, size, size] in [0, 255], resized where it must be."""
    values = pixels.float()
    if values.shape[-1] == size:
        return values
    return functional.interpolate(values, (size, size), mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class Task:
    """Everything a fit may see. `train` and `val` hold faces of sets that are `use: train`, never others."""

    settings: NetworkSettings | LogisticSettings
    train: Faces
    val: Faces
    seed: int
    scratch: Scratch


History = list[dict[str, float]]


class Kind(Protocol):
    """The module of a kind."""

    create: Callable[[NetworkSettings | LogisticSettings, Path, int], Detector]
    restore: Callable[[dict[str, Any]], Detector]
    fit: Callable[[Detector, Task], History]
