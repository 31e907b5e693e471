"""Xception (20.8 M parameters; Chollet 2017, arXiv 1610.02357) with separate forgery, content and demographic
features, trained to be equally good for every group of people (Lin et al. 2024, CVPR, "Preserving Fairness
Generalization in Deepfake Detection").

It has three encoders while it is trained. The logit comes from the forgery encoder. The demographic encoder predicts
the group. Content, demographic and forgery features, fused by AdaIN, must reconstruct the picture. Only the forgery
encoder is kept and scores.

Three things differ from the paper. The fairness loss is of the logit that scores; theirs is of a fusion with
demographic features. There is no branch for the method of forgery, and no sharpness-aware step.
"""

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.runtime import seeded
from unseen.core.settings import Name
from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector, History, Rows, Task
from unseen.detectors.shared.fairness import adain, bi_level, groups_of, triplets
from unseen.detectors.shared.settings import NetworkSettings

FUSED = 256
"""Channels in which features are fused."""

MARGIN = 3.0
"""Of the contrastive loss, as published."""


class Settings(NetworkSettings):
    """Weights of losses are beside the log loss, which weighs 1; defaults are those of the published code."""

    network: ClassVar[str] = "legacy_xception"
    attributes_knob: ClassVar[str] = "groups"

    kind: Literal["xception_fair"]
    input_size: int = Field(256, ge=64, le=512, multiple_of=32, description="pixels the network sees")
    frozen_steps: int = Field(0, ge=0, description="first steps, in which only the head's weights are trained")
    groups: list[Name] = Field(min_length=1, description="attributes of faces, whose combinations are the groups")
    alpha_groups: float = Field(0.5, gt=0, le=1, description="share of groups, the worst ones, that count")
    alpha_faces: float = Field(0.9, gt=0, le=1, description="share of a group's faces, the worst ones, that count")
    fairness: float = Field(1.0, ge=0, description="weight of the bi-level fairness loss")
    demographic: float = Field(0.1, ge=0, description="weight of predicting the group")
    reconstruction: float = Field(0.3, ge=0, description="weight of reconstructing the picture")
    contrastive: float = Field(0.05, ge=0, description="weight of having a class's faces closer than the other's")


class Branches(nn.Module):
    """What is needed while training: the other two encoders, and what comes after them.

    Args:
        encoder: a timm network without classifier, of which the others are copies.
        groups: how many there are.
    """

    def __init__(self, encoder: nn.Module, groups: int) -> None:
        super().__init__()
        width: Any = encoder.num_features
        self.content, self.demographic = copy.deepcopy(encoder), copy.deepcopy(encoder)
        self.group = nn.Linear(width, groups)
        self.narrow = nn.ModuleList(nn.Conv2d(width, FUSED, 1) for _ in range(3))
        steps = [
            nn.Sequential(
                nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)
            )
            for before, after in pairwise((FUSED, 128, 64, 32, 16, 16))
        ]
        self.decoder = nn.Sequential(*steps, nn.Conv2d(16, 3, 3, padding=1))

    def reconstruction(self, x: Tensor, content: Tensor, demographic: Tensor, forgery: Tensor) -> Tensor:
        """Mean absolute difference between pictures and what comes of their features: with their own forgery, and
        with that of the other half's, as the face must lie in content and demographic features.

        Args:
            x: pictures as the network sees them [n, 3, s, s], half real, half fake.
            content: maps [n, c, h, w].
            demographic: maps [n, c, h, w].
            forgery: maps [n, c, h, w].
        """
        maps = zip(self.narrow, (content, demographic, forgery), strict=True)
        content, demographic, forgery = (narrow(each) for narrow, each in maps)
        faces = content + demographic
        errors = []
        for style in (forgery, forgery.roll(len(x) // 2, 0)):
            drawn = self.decoder(adain(faces, style))
            drawn = functional.interpolate(drawn, x.shape[-2:], mode="bilinear", align_corners=False)
            errors.append((drawn - x).abs().mean())
        return torch.stack(errors).mean()


class XceptionFair(Backboned):
    """The forgery's encoder and a linear head; with `branches` beside them only while it is fitted."""

    branches: Branches | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_module("branches", None)
        self._groups = torch.empty(0, dtype=torch.int64)

    def branch(self, groups: Rows, count: int) -> None:
        """Grow the other branches.

        Args:
            groups: the group of each face that trains, or -1.
            count: how many there are.
        """
        self._groups = torch.from_numpy(groups)
        self.branches = Branches(self.network, count)

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss, bi-level fairness loss, and what keeps the features apart; a face that is in no group has no part
        in the fairness and the demographic loss."""
        settings, branches = cast(Settings, task.settings), self.branches
        assert branches is not None
        groups = self._groups[torch.from_numpy(rows)].to(pixels.device)
        known = groups >= 0

        x = self.seen(pixels)
        forgery, content, demographic = (
            encoder.forward_features(x)  # type: ignore[operator]
            for encoder in (self.network, branches.content, branches.demographic)
        )
        features = self.network.forward_head(forgery, pre_logits=True)
        logits = self.classifier(features).flatten().float()
        each = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        loss = each.mean() + settings.contrastive * triplets(features.float(), labels, MARGIN)
        loss = loss + settings.reconstruction * branches.reconstruction(x, content, demographic, forgery)
        told = branches.group(branches.demographic.forward_head(demographic, pre_logits=True)).float()  # type: ignore[operator]
        # A sum, and 0 where no face is in a group: on each of several GPUs every weight has a gradient.
        missed = functional.cross_entropy(told, groups.clamp(min=0), reduction="none") * known
        loss = loss + settings.demographic * missed.sum() / known.sum().clamp(min=1)
        if known.any():
            fair = bi_level(each[known], groups[known], settings.alpha_groups, settings.alpha_faces)
            loss = loss + settings.fairness * fair
        return loss


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet features and a head that starts at zero, without the other branches yet."""
    return created(XceptionFair, settings.network, settings, weights)


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return XceptionFair(**config)


def fit(model: Detector, task: Task) -> History:
    """See `loop.fit`; the other branches go when it is done.

    Raises:
        UserError: the faces that train are in no groups.
    """
    assert isinstance(model, XceptionFair)
    groups, count = groups_of(task.train, cast(Settings, task.settings).groups)
    with seeded(task.seed, "branches"):
        model.branch(groups, count)
    history = loop.fit(model, task)
    model.branches = None
    return history
