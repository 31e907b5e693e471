"""Losses for equal accuracy across groups of people (Lin et al. 2024, CVPR, "Preserving Fairness Generalization in
Deepfake Detection")."""

import numpy as np
import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.shared.base import Rows


def cvar(losses: Tensor, alpha: float) -> Tensor:
    """Conditional value at risk: the mean of the highest share `alpha` of losses [n]; the last one counts in part.

    It equals min over t of t + mean(max(losses - t, 0)) / alpha (Rockafellar and Uryasev 2000). It is the mean for
    `alpha` 1, and the maximum for `alpha` at most 1 / n.
    """
    worst = losses.sort(descending=True).values
    share = alpha * len(worst)
    weights = (share - torch.arange(len(worst), device=worst.device, dtype=worst.dtype)).clamp(0, 1)
    return (worst * weights).sum() / weights.sum()


def bi_level(losses: Tensor, groups: Tensor, alpha_groups: float, alpha_faces: float) -> Tensor:
    """The CVaR over groups of the CVaR within each.

    Args:
        losses: [n], one per face.
        groups: [n], group of each face.
        alpha_groups: share of groups that count, highest loss first.
        alpha_faces: share of a group's faces that count, highest loss first.
    """
    within = [cvar(losses[groups == group], alpha_faces) for group in sorted(set(groups.tolist()))]
    return cvar(torch.stack(within), alpha_groups)


def groups_of(faces: Faces, names: list[str]) -> tuple[Rows, int]:
    """The group of each face [n], and the number of groups. A group is a combination of values of the named
    attributes, numbered from 0; -1 if a face lacks an attribute.

    Raises:
        UserError: no real or no fake has a group, or all have the same.
    """
    found = [dict(pairs) for pairs in faces.columns["attributes"]]  # type: ignore[call-overload]
    values = [tuple(each.get(name, "") for name in names) for each in found]
    known = sorted({value for value in values if all(value)})
    number = {value: index for index, value in enumerate(known)}
    groups = np.asarray([number.get(value, -1) for value in values], np.int64)
    asked = ", ".join(names)
    for label, title in enumerate(("real", "fake")):
        if not (groups[faces.labels == label] >= 0).any():
            raise UserError(
                f"`groups` asks for {asked}, but no {title} training face has "
                f"{'it' if len(names) == 1 else 'all of them'}; let its source read it: `attributes` in its block"
            )
    if len(known) < 2:
        only = "/".join(known[0])
        raise UserError(f"`groups` asks for {asked}, but all training faces are {only}; name another attribute")
    return groups, len(known)


def triplets(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Contrastive loss: mean of max(d(anchor, same class) - d(anchor, other class) + margin, 0) over all triplets; 0
    if there are none.

    Args:
        features: [n, d].
        labels: [n].
        margin: in units of the distance.
    """
    distances = torch.linalg.vector_norm(features[:, None] - features[None], dim=2)
    alike = labels[:, None] == labels[None]
    like = alike & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triples = like[:, :, None] & ~alike[:, None, :]
    excess = (distances[:, :, None] - distances[:, None, :] + margin).clamp(min=0)
    mean: Tensor = (excess * triples).sum() / max(int(triples.sum()), 1)
    return mean


def adain(content: Tensor, style: Tensor, floor: float = 1e-5) -> Tensor:
    """Adaptive instance normalisation: content maps [n, c, h, w] with the mean and standard deviation of the style
    maps, per channel (Huang and Belongie 2017, arXiv 1703.06868)."""

    def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(maps, dim=(2, 3), keepdim=True, correction=0)
        return mean, (variance + floor).sqrt()

    (mean, deviation), (new_mean, new_deviation) = moments(content), moments(style)
    return (content - mean) / deviation * new_deviation + new_mean
