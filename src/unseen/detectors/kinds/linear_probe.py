"""A logistic regression on the features of a frozen network (Ojha et al. 2023, arXiv 2302.10174; Cozzolino et al.
2024, arXiv 2312.00195). With `views`, augmented copies of each face are added.

The features are computed once and cached below `.scratch`.
"""

from pathlib import Path
from typing import Literal, cast

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
"""Gradient at which the solver stops. L2-normalised features give small gradients: scikit-learn's default of 1e-4
stops long before the minimum."""


class Settings(FittedSettings):
    """Settings of the features and of the regression."""

    kind: Literal["linear_probe"]
    backbone: Backbone
    input_size: InputSize = 224
    views: int = Field(1, ge=1, le=64, description="images per face: the face itself, and augmented copies")
    augment: AugmentSettings | None = Field(None, description="augmentation of the copies")
    penalty: float = Field(
        1.0, gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C), independent of `views`"
    )

    @model_validator(mode="after")
    def _views_are_augmented(self) -> "Settings":
        if (self.views > 1) != (self.augment is not None):
            raise ValueError("`views` above 1 needs `augment`, and `augment` needs `views` above 1")
        return self


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A frozen network with a head initialised to zero.

    Raises:
        UserError: see `created_on`.
    """
    return created_on(UnitFeatures, settings.backbone, settings.input_size, weights)


restore = UnitFeatures.restore


def balanced(faces: Faces) -> npt.NDArray[np.float64]:
    """Sample weights [n] that sum to n. The classes have equal total weight. So have the generators (or sources of
    reals) of a class, the sets of a generator, and the faces of a set."""
    found = np.zeros(len(faces))
    for label in (0, 1):
        of_class = groups(faces, label)
        for sets in of_class:
            for rows in sets:
                found[rows] = len(faces) / 2 / len(of_class) / len(sets) / len(rows)
    return found


def fit(model: Detector, task: Task) -> History:
    """Compute the features of all views of the training faces, and fit the head to them."""
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
