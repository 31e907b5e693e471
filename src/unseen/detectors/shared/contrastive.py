"""Contrastive loss on pairs of a batch (Hadsell et al. 2006, CVPR), in the form that DDA uses."""

import torch
from torch import Tensor
from torch.nn import functional


def contrastive_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The mean distance of pairs of one class plus the mean of max(margin - distance, 0) over pairs of two classes.

    It is ContrastiveLoss of pytorch-metric-learning with `pos_margin=0` and `neg_margin=margin`, with which DDA is
    trained (Chen et al. 2025, arXiv 2505.14359). Distances are Euclidean between L2-normalised features. Each mean is
    over the pairs whose term is above 0. Hadsell et al. square both terms and halve them; this form does not.

    Args:
        features: [n, d].
        labels: [n], 1 for fake.
        margin: at most 2, the largest distance.
    """
    unit = functional.normalize(features, dim=1)
    # Without matrix products, which lose the digits of small distances.
    distances = torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels[:, None] == labels[None]
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return _mean(distances[same & others]) + _mean((margin - distances[~same]).clamp(min=0))


def _mean(terms: Tensor) -> Tensor:
    """The mean of the terms above 0; 0, with a gradient, if there are none."""
    return terms.sum() / (terms > 0).sum().clamp(min=1)
