"""A logistic regression on the features of a frozen network (Ojha et al. 2023, arXiv 2302.10174; Cozzolino et al.
2024, arXiv 2312.00195), which may see a few augmented views of each face."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from unseen.core.runtime import prepare
from unseen.data.pictures import Faces
from unseen.detectors.shared.any_backbone import UnitFeatures, created_on
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.batches import groups
from unseen.detectors.shared.features import cached_features
from unseen.detectors.shared.settings import FittedSettings, LinearProbeSettings

TOLERANCE = 1e-7
"""Largest slope at which the regression is done. Features of length 1 give small ones: scikit-learn's own 1e-4 ends
long before the minimum."""


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A frozen network with a head that starts at zero.

    Raises:
        UserError: see `created_on`.
    """
    assert isinstance(settings, LinearProbeSettings)
    return created_on(UnitFeatures, settings.backbone, settings.input_size, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return UnitFeatures(**config)


def balanced(faces: Faces) -> npt.NDArray[np.float64]:
    """A weight [n] for each face; they sum to n. Both classes weigh the same, within a class every generator (or
    source of reals), within that every set, within that every face."""
    found = np.zeros(len(faces))
    for label in (0, 1):
        of_class = groups(faces, label)
        for sets in of_class:
            for rows in sets:
                found[rows] = len(faces) / 2 / len(of_class) / len(sets) / len(rows)
    return found


def fit(model: Detector, task: Task) -> History:
    """Compute the features of the training faces' views, and fit the head to them."""
    from sklearn.linear_model import LogisticRegression

    assert isinstance(model, UnitFeatures)
    assert isinstance(task.settings, LinearProbeSettings)
    views = task.settings.views
    model.to(prepare())
    features = cached_features(model, task.train, views, task.settings.augment, task.seed, task.scratch)
    regression = LogisticRegression(C=1 / task.settings.penalty, tol=TOLERANCE, max_iter=5000)
    weights = (balanced(task.train) / views).repeat(views)
    with threadpool_limits(torch.get_num_threads(), "blas"):
        rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
        regression.fit(rows, task.train.labels.repeat(views), weights)
    last = model.classifier[-1]
    state = {"weight": torch.from_numpy(regression.coef_), "bias": torch.from_numpy(regression.intercept_)}
    last.load_state_dict({name: value.float() for name, value in state.items()})
    return []
