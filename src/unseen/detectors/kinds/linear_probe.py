"""A logistic regression on the features of a frozen network (Ojha et al. 2023, arXiv 2302.10174; Cozzolino et al.
2024, arXiv 2312.00195). With `views`, augmented copies of each face are added.

The features are computed once and cached below `.scratch`. Those of a ViT may come from its class token or its
patches, before or after its last norm: the norm moves the AUC on generators that were left out by several points
(arXiv 2603.26387). With `choose`, they are chosen on training generators that are left out.
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
from unseen.detectors.shared.features import Features, cached_features
from unseen.detectors.shared.left_out import auc_without, best_of
from unseen.detectors.shared.settings import AugmentSettings, Backbone, FittedSettings, InputSize
from unseen.detectors.shared.tokens import EVERY, TokenFeatures, choices

TOLERANCE = 1e-7
"""Gradient at which the solver stops. L2-normalised features give small gradients: scikit-learn's default of 1e-4
stops long before the minimum."""


class Settings(FittedSettings):
    """Settings of the features and of the regression."""

    kind: Literal["linear_probe"]
    backbone: Backbone
    input_size: InputSize = 224
    features: Literal["pooled", "class", "mean"] = Field(
        "pooled", description="pooled: as timm pools them; class: the class token of a ViT; mean: of its patches"
    )
    norm: Literal["after", "before"] = Field("after", description="features after or before the last norm of a ViT")
    choose: bool = Field(
        False, description="choose `features` and `norm` by the mean AUC on training generators that are left out"
    )
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

    @model_validator(mode="after")
    def _one_choice(self) -> "Settings":
        if self.norm == "before" and self.features == "pooled":
            raise ValueError("`norm: before` needs `features: class` or `features: mean`")
        if self.choose and self.features != "pooled":
            raise ValueError("`choose: true` chooses `features` and `norm`: remove them")
        return self


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A frozen network with a head initialised to zero.

    Raises:
        UserError: the network has no such features; or see `created_on`.
    """
    network = settings.backbone, settings.input_size, weights
    if settings.features == "pooled" and not settings.choose:
        return created_on(UnitFeatures, *network)
    return created_on(TokenFeatures, *network, tokens=settings.features, norm=settings.norm)


def restore(config: dict[str, Any]) -> Detector:
    """Rebuild the network; its weights are loaded afterwards."""
    kind = TokenFeatures if "tokens" in config else UnitFeatures
    return kind.restore(config)


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
    """Compute the features of all views of the training faces, choose among them if asked, and fit the head."""
    assert isinstance(model, UnitFeatures)
    settings = cast(Settings, task.settings)
    model.to(prepare())
    if settings.choose:
        assert isinstance(model, TokenFeatures)
        _choose(model, task)
    features = cached_features(model, task.train, settings.views, settings.augment, task.seed, task.scratch)
    regression = _fitted(features, task.train, settings)
    last = model.classifier[-1]
    state = {"weight": torch.from_numpy(regression.coef_), "bias": torch.from_numpy(regression.intercept_)}
    last.load_state_dict({name: value.float() for name, value in state.items()})
    return []


def _fitted(features: Features, faces: Faces, settings: Settings) -> Any:
    """The regression on features [n, views, d] of faces."""
    from sklearn.linear_model import LogisticRegression

    views = settings.views
    regression = LogisticRegression(C=1 / settings.penalty, tol=TOLERANCE, max_iter=5000)
    weights = (balanced(faces) / views).repeat(views)
    with threadpool_limits(torch.get_num_threads(), "blas"):
        rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
        regression.fit(rows, faces.labels.repeat(views), weights)
    return regression


def _choose(model: TokenFeatures, task: Task) -> None:
    """Choose the features with the highest mean AUC on training generators that are left out, see `auc_without`."""
    settings, offered = cast(Settings, task.settings), choices(model.network)
    model.choose(EVERY, "")
    every = cached_features(model, task.train, settings.views, settings.augment, task.seed, task.scratch)
    of_val = cached_features(model, task.val, 1, None, task.seed, task.scratch)[:, 0]
    table: list[dict[str, Any]] = []
    for number, (tokens, norm) in enumerate(offered):
        part = slice(number * every.shape[-1] // len(offered), (number + 1) * every.shape[-1] // len(offered))

        def logits(kept: npt.NDArray[np.bool_], part: slice = part) -> npt.NDArray[np.float64]:
            rows = np.flatnonzero(kept)
            columns = {name: [values[row] for row in rows] for name, values in task.train.columns.items()}
            some = Faces(np.empty((len(rows), 0), np.uint8), columns)
            found = _fitted(every[rows][..., part], some, settings).decision_function(of_val[:, part].astype(float))
            return np.asarray(found)

        auc = auc_without(task.train, task.val, logits)
        table.append({"features": tokens, "norm": norm, "mean": float(np.mean(list(auc.values()))), "auc": auc})
    best = best_of(table)
    model.choose(*offered[best])
    model.chosen = {"features": table[best]["features"], "norm": table[best]["norm"], "table": table}
