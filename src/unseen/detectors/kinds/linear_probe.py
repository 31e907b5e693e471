"""A logistic regression on the features of a frozen network (Ojha et al. 2023, arXiv 2302.10174; Cozzolino et al.
2024, arXiv 2312.00195), of each face and, with `views`, of augmented copies.

Nothing but one weight for each feature is fitted. The features are computed once and kept below `.scratch`.
"""

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from threadpoolctl import threadpool_limits

from unseen.core.runtime import prepare
from unseen.data.pictures import Faces
from unseen.detectors.shared.any_backbone import UnitFeatures, created_on
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.batches import groups
from unseen.detectors.shared.features import cached_features
from unseen.detectors.shared.settings import AugmentSettings, Backbone, FittedSettings, InputSize

TOLERANCE = 1e-7
"""Largest slope at which the regression is done. Features of length 1 give small ones: scikit-learn's own 1e-4 ends
long before the minimum."""


class Settings(FittedSettings):
    """The network stays as it is."""

    kind: Literal["linear_probe"]
    backbone: Backbone
    input_size: InputSize = Field(224, description="pixels the network sees; crops are resized")
    views: int = Field(1, ge=1, le=64, description="pictures made of each face: itself, and others by `augment`")
    augment: AugmentSettings | None = Field(None, description="how the other views are changed")
    penalty: float = Field(
        1.0, gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C), views not counted"
    )

    @model_validator(mode="after")
    def _views_are_augmented(self) -> "Settings":
        if (self.views > 1) != (self.augment is not None):
            raise ValueError("`views` above 1 and `augment` belong together: the first view is the face as it is")
        return self


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A frozen network with a head that starts at zero.

    Raises:
        UserError: see `created_on`.
    """
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
    settings = cast(Settings, task.settings)
    views = settings.views
    model.to(prepare())
    features = cached_features(model, task.train, views, settings.augment, task.seed, task.scratch)
    regression = LogisticRegression(C=1 / settings.penalty, tol=TOLERANCE, max_iter=5000)
    weights = (balanced(task.train) / views).repeat(views)
    with threadpool_limits(torch.get_num_threads(), "blas"):
        rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
        regression.fit(rows, task.train.labels.repeat(views), weights)
    last = model.classifier[-1]
    state = {"weight": torch.from_numpy(regression.coef_), "bias": torch.from_numpy(regression.intercept_)}
    last.load_state_dict({name: value.float() for name, value in state.items()})
    return []
