"""Logistic regression on log-DCT coefficients (Frank et al. 2020, arXiv 2003.08685): a baseline for the networks.

It has one weight per coefficient, 4,096 at 64 px. Training takes seconds on a CPU.
"""

import math
import sys
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from unseen.core.runtime import prepare
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.logits import SCORING_BATCH, as_batch
from unseen.detectors.shared.settings import FittedSettings

LUMA = (0.299, 0.587, 0.114)
"""RGB weights of ITU-R BT.601 luma, as in JPEG."""

FLOOR = 1e-3
"""Added to the magnitude of a coefficient before the logarithm; pixels are in [0, 255]."""

FEATURE_BYTES = 2**29
"""Most memory of the features of a training: 16,384 faces at 64 px, 4,096 at 128 px."""


class Settings(FittedSettings):
    """Settings of the logistic regression."""

    kind: Literal["dct_logistic"]
    weights: Literal["none"] = Field(description="must be `none`: there are no pretrained weights")
    penalty: float = Field(100.0, gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C)")


def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II as a matrix C [size, size], float64: C @ x transforms columns."""
    k = torch.arange(size, dtype=torch.float64)[:, None]
    n = torch.arange(size, dtype=torch.float64)[None]
    matrix = torch.cos(math.pi * (2 * n + 1) * k / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


class DctLogistic(Detector):
    """A linear function of the standardised log |DCT| of the grey picture, in float64."""

    matrix: Tensor
    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.config = {"size": size}
        self.register_buffer("matrix", dct_matrix(size), persistent=False)
        for name in ("mean", "scale", "weight"):
            self.register_buffer(name, torch.zeros(size * size, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(1, dtype=torch.float64))

    def features(self, pixels: Tensor) -> Tensor:
        """log(|DCT| + FLOOR) of pixels uint8 [n, 3, s, s]: float64 [n, s * s]."""
        luma = torch.tensor(LUMA, dtype=torch.float64, device=pixels.device)
        grey = (pixels.double() * luma[:, None, None]).sum(1)
        return ((self.matrix @ grey @ self.matrix.T).abs() + FLOOR).log().flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        return ((self.features(pixels) - self.mean) / self.scale) @ self.weight + self.bias


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """An unfitted regression for crops of `size` pixels; `weights` is not read."""
    return DctLogistic(size)


restore = DctLogistic.restore


def fit(model: Detector, task: Task) -> History:
    """Standardise the features on the training faces and fit the regression with equal class weights.

    Of more faces than FEATURE_BYTES has room for, a random sample is used, so that memory and time are bounded.
    """
    from sklearn.linear_model import LogisticRegression

    assert isinstance(model, DctLogistic)
    settings = cast(Settings, task.settings)
    prepare()
    chosen = np.arange(len(task.train))
    most = FEATURE_BYTES // (8 * len(model.weight))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(task.seed).choice(chosen, most, replace=False))
        print(f"dct_logistic: fits a random sample of {most} of {len(task.train)} training faces", file=sys.stderr)
    features = np.empty((len(chosen), len(model.weight)))
    for start in range(0, len(features), SCORING_BATCH):
        rows = chosen[start : start + SCORING_BATCH]
        features[start : start + len(rows)] = model.features(as_batch(task.train.take(rows), torch.device("cpu")))
    mean, scale = features.mean(0), features.std(0)
    scale[scale == 0] = 1.0
    features -= mean
    features /= scale
    regression = LogisticRegression(C=1 / settings.penalty, class_weight="balanced", max_iter=2000)
    regression.fit(features, task.train.labels[chosen])
    fitted = {"mean": mean, "scale": scale, "weight": regression.coef_[0], "bias": regression.intercept_}
    model.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in fitted.items()})
    return []
