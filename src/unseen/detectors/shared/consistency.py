"""A loss between the clean and the degraded view of a picture (Yang et al. 2026, "Degradation-Consistent Paired
Training", arXiv 2604.10102)."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.detectors.shared.base import Detector, Rows, Task
from unseen.detectors.shared.settings import NetworkSettings


def consistency_loss(features: tuple[Tensor, Tensor], logits: tuple[Tensor, Tensor]) -> Tensor:
    """Cosine distance of the features plus symmetric Kullback-Leibler divergence of the outputs, means over n.

    The divergence is half of KL(p, q) + KL(q, p). For one logit that is (p - q) (logit p - logit q) / 2.

    Args:
        features: [n, d] each, of the degraded and of the clean pictures.
        logits: [n] or [n, 1] each.
    """
    degraded, clean = (one.float().flatten(1) for one in features)
    distance = 1 - functional.cosine_similarity(degraded, clean, dim=1)
    first, second = (one.float().flatten() for one in logits)
    divergence = (torch.sigmoid(first) - torch.sigmoid(second)) * (first - second) / 2
    return distance.mean() + divergence.mean()


def training_loss(
    model: Detector, pixels: Tensor, clean: Tensor | None, labels: Tensor, rows: Rows, task: Task
) -> Tensor:
    """`model.loss` of the pictures, plus the weighted consistency with their clean views if there are any.

    The input and output of the model's head are taken as features and logits, so each view passes the network once.

    Args:
        model: with a head.
        pixels: uint8 [n, 3, s, s], augmented.
        clean: the same pictures without degradations, or None.
        labels, rows, task: see `Detector.loss`. The settings have `consistency` if there are clean views.
    """
    knobs = cast(NetworkSettings, task.settings).consistency
    if clean is None or knobs is None:
        return model.loss(pixels, labels, rows, task)
    seen: list[tuple[Tensor, Tensor]] = []

    def note(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        seen.append((inputs[0], output))

    with model.head().register_forward_hook(note):
        loss = model.loss(pixels, labels, rows, task)
        model(clean)
    features, logits = zip(seen[0], seen[-1], strict=True)
    return loss + knobs.weight * consistency_loss(features, logits)
