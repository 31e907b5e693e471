"""What every kind of detector is: a network from stored pixels to a logit.

A kind is one file in `unseen/detectors/kinds`. It defines its settings, `class Settings`; `create(settings, weights,
size)`, which makes a detector that is ready to be fitted; `restore(config)`, which makes the same network for weights
that are loaded afterwards; and `fit`, which fits one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.runtime import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.shared.settings import FittedSettings

Rows = npt.NDArray[np.int64]


class Detector(nn.Module):
    """Pixels uint8 [n, 3, s, s] as they are stored, to logits [n], positive for fake.

    Attributes:
        config: plain data from which the kind's `restore` rebuilds the network.
    """

    config: dict[str, Any]

    def head(self) -> nn.Module:
        """The layers that are trained first."""
        raise TypeError(f"{type(self).__name__} has no head of its own")

    def trainable(self) -> Iterable[nn.Parameter]:
        """The weights that are trained after that: all, unless a kind leaves some as they were."""
        return self.parameters()

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: "Task") -> Tensor:
        """What a training step lowers.

        Args:
            pixels: uint8 [n, 3, s, s].
            labels: [n], 1 for fake.
            rows: [n], where they stand in `task.train`, for a kind that asks for more than labels.
            task: the whole of it.
        """
        return functional.binary_cross_entropy_with_logits(self(pixels).float(), labels)

    def parts(self) -> dict[str, bytes]:
        """Further files of its artifact, by name, which nothing here needs but other tools can use: none, unless a
        kind has some."""
        return {}


def resized(pixels: Tensor, size: int) -> Tensor:
    """uint8 [n, 3, s, s] as float32 [n, 3, size, size] in [0, 255], resized where it must be."""
    values = pixels.float()
    if values.shape[-1] == size:
        return values
    return functional.interpolate(values, (size, size), mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class Task:
    """Everything a fit may see. `train` and `val` hold faces of sets that are `use: train`, never others."""

    settings: FittedSettings
    train: Faces
    val: Faces
    seed: int
    scratch: Scratch


History = list[dict[str, float]]


class Kind(Protocol):
    """The module of a kind. Its `Settings` are those of one kind, which this type cannot name."""

    Settings: type[FittedSettings]
    create: Callable[[Any, Path, int], Detector]
    restore: Callable[[dict[str, Any]], Detector]
    fit: Callable[[Detector, Task], History]
