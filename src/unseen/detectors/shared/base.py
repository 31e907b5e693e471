"""The interface of a detector kind: a network from stored pixels to a logit.

A kind is one file in `unseen/detectors/kinds`. It defines `class Settings`; `create(settings, weights, size)`, which
returns a detector to fit; `restore(config)`, which rebuilds the network before its weights are loaded; and `fit`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.shared.settings import FittedSettings
from unseen.detectors.shared.views import View

Rows = npt.NDArray[np.int64]


class Detector(nn.Module):
    """A network from stored pixels uint8 [n, 3, s, s] to logits [n], positive for fake.

    Attributes:
        config: plain data, the arguments with which the class rebuilds the network.
        chosen: plain data, what the fit has chosen beside the weights, for the metrics of the training.
        view: how stored crops become pixels for the network; set after the network is created or loaded.
    """

    config: dict[str, Any]
    chosen: dict[str, Any] | None = None
    view: View = View()

    @classmethod
    def restore(cls, config: dict[str, Any]) -> Self:
        """Rebuild the network; its weights are loaded afterwards."""
        return cls(**config)

    def head(self) -> nn.Module:
        """The layers that are trained in the frozen steps."""
        raise TypeError(f"{type(self).__name__} has no head: set `frozen_steps` to 0")

    def trainable(self) -> Iterable[nn.Parameter]:
        """The weights that are trained after the frozen steps; all by default."""
        return self.parameters()

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: "Task") -> Tensor:
        """The training loss of a batch; log loss by default.

        Args:
            pixels: uint8 [n, 3, s, s].
            labels: [n], 1 for fake.
            rows: [n], row of each picture in `task.train`, for kinds that read further columns.
            task: faces and settings of the training.
        """
        return functional.binary_cross_entropy_with_logits(self(pixels).float(), labels)

    def parts(self) -> dict[str, bytes]:
        """Further files of the artifact for other tools, by name; none by default."""
        return {}


def resized(pixels: Tensor, size: int) -> Tensor:
    """Convert uint8 [n, 3, s, s] to float32 [n, 3, size, size] in [0, 255]; resize if s is not `size`."""
    values = pixels.float()
    if values.shape[-1] == size:
        return values
    return functional.interpolate(values, (size, size), mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class Task:
    """The input of a fit. `train` and `val` only hold faces of sets with `use: train`."""

    settings: FittedSettings
    train: Faces
    val: Faces
    seed: int
    scratch: Scratch


History = list[dict[str, float]]


class Kind(Protocol):
    """The module of a kind."""

    Settings: type[FittedSettings]
    create: Callable[[Any, Path, int], Detector]
    restore: Callable[[dict[str, Any]], Detector]
    fit: Callable[[Detector, Task], History]
