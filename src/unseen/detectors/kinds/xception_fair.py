"""Xception (20.8 M parameters; Chollet 2017, arXiv 1610.02357) with separate forgery, content and demographic
features, trained to be equally good for every group of people (Lin et al. 2024, CVPR, "Preserving Fairness
Generalization in Deepfake Detection").

Training uses three encoders. The forgery encoder gives the logit. The demographic encoder predicts the group. A
decoder reconstructs the picture from content, demographic and forgery features, fused by AdaIN. Only the forgery
encoder is stored.

Differences from the paper: the fairness loss is on the detector's logit, and not on a fusion with demographic
features; there is no branch for the forgery method, and no sharpness-aware minimisation.
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
from unseen.detectors.shared.settings import FrozenSteps, NetworkSettings

FUSED = 256
"""Channels of the fused features."""

MARGIN = 3.0
"""Margin of the contrastive loss, as in the published code."""


class Settings(NetworkSettings):
    """The log loss has weight 1. Default weights of the other losses are those of the published code."""

    network: ClassVar[str] = "legacy_xception"
    attributes_knob: ClassVar[str] = "groups"

    kind: Literal["xception_fair"]
    input_size: int = Field(256, ge=64, le=512, multiple_of=32, description="pixels the network sees")
    frozen_steps: FrozenSteps = 0
    groups: list[Name] = Field(min_length=1, description="attributes whose combinations of values are the groups")
    alpha_groups: float = Field(0.5, gt=0, le=1, description="share of groups that count, highest loss first")
    alpha_faces: float = Field(0.9, gt=0, le=1, description="share of a group's faces that count, highest loss first")
    fairness: float = Field(1.0, ge=0, description="weight of the bi-level fairness loss")
    demographic: float = Field(0.1, ge=0, description="weight of the group prediction loss")
    reconstruction: float = Field(0.3, ge=0, description="weight of the reconstruction loss")
    contrastive: float = Field(0.05, ge=0, description="weight of the contrastive loss")


class Branches(nn.Module):
    """The layers used only in training: the other two encoders, their heads and the decoder.

    Args:
        encoder: a timm network without classifier; the other encoders start as copies of it.
        groups: number of groups.
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
        """Mean absolute reconstruction error, with the picture's own forgery features and with those of a picture of
        the other class. The latter keeps the face in the content and demographic features.

        Args:
            x: network input [n, 3, s, s], first half real, second half fake.
            content, demographic, forgery: feature maps [n, c, h, w].
        """
        maps = zip(self.narrow, (content, demographic, forgery), strict=True)
        content, demographic, forgery = (narrow(each) for narrow, each in maps)
        faces = content + demographic
        errors = []
        for style in (forgery, forgery.roll(len(x) // 2, 0)):
            decoded = self.decoder(adain(faces, style))
            decoded = functional.interpolate(decoded, x.shape[-2:], mode="bilinear", align_corners=False)
            errors.append((decoded - x).abs().mean())
        return torch.stack(errors).mean()


class XceptionFair(Backboned):
    """The forgery encoder and a linear head; `branches` exists only during training."""

    branches: Branches | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_module("branches", None)
        self._groups = torch.empty(0, dtype=torch.int64)

    def branch(self, groups: Rows, count: int) -> None:
        """Add the training branches.

        Args:
            groups: [n], the group of each training face, or -1.
            count: number of groups.
        """
        self._groups = torch.from_numpy(groups)
        self.branches = Branches(self.network, count)

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Weighted sum of all losses. Faces without a group are left out of the fairness and demographic losses."""
        settings, branches = cast(Settings, task.settings), self.branches
        assert branches is not None
        groups = self._groups[torch.from_numpy(rows)].to(pixels.device)
        known = groups >= 0

        x = self.network_input(pixels)
        forgery, content, demographic = (
            encoder.forward_features(x)  # type: ignore[operator]
            for encoder in (self.network, branches.content, branches.demographic)
        )
        features = self.network.forward_head(forgery, pre_logits=True)
        logits = self.classifier(features).flatten().float()
        each = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        loss = each.mean() + settings.contrastive * triplets(features.float(), labels, MARGIN)
        loss = loss + settings.reconstruction * branches.reconstruction(x, content, demographic, forgery)
        predicted = branches.group(branches.demographic.forward_head(demographic, pre_logits=True)).float()  # type: ignore[operator]
        # 0 if no face has a group, so that every weight has a gradient on each of several GPUs.
        errors = functional.cross_entropy(predicted, groups.clamp(min=0), reduction="none") * known
        loss = loss + settings.demographic * errors.sum() / known.sum().clamp(min=1)
        if known.any():
            fair = bi_level(each[known], groups[known], settings.alpha_groups, settings.alpha_faces)
            loss = loss + settings.fairness * fair
        return loss


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector with ImageNet weights and a head initialised to zero, without training branches."""
    return created(XceptionFair, settings.network, settings, weights)


restore = XceptionFair.restore


def fit(model: Detector, task: Task) -> History:
    """Train with the branches (see `loop.fit`), then remove them.

    Raises:
        UserError: see `groups_of`.
    """
    assert isinstance(model, XceptionFair)
    groups, count = groups_of(task.train, cast(Settings, task.settings).groups)
    with seeded(task.seed, "branches"):
        model.branch(groups, count)
    history = loop.fit(model, task)
    model.branches = None
    return history
