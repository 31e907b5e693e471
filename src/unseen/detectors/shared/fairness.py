"""A loss that looks at the worst group, and at the worst faces of each (Lin et al. 2024, CVPR, "Preserving Fairness
Generalization in Deepfake Detection")."""

import numpy as np
import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.shared.base import Rows


def cvar(losses: Tensor, alpha: float) -> Tensor:
    """Conditional value at risk: the mean of the worst share `alpha` of losses [n], of which the last counts in part.

    This is min over t of t + mean(max(losses - t, 0)) / alpha (Rockafellar and Uryasev 2000), computed exactly: its
    minimum lies at one of the losses. With `alpha` 1 it is their mean, with `alpha` at most 1 / n the largest.
    """
    worst = losses.sort(descending=True).values
    share = alpha * len(worst)
    weights = (share - torch.arange(len(worst), device=worst.device, dtype=worst.dtype)).clamp(0, 1)
    return (worst * weights).sum() / weights.sum()


def bi_level(losses: Tensor, groups: Tensor, alpha_groups: float, alpha_faces: float) -> Tensor:
    """The CVaR over groups of the CVaR within each.

    Args:
        losses: [n], one a face.
        groups: [n], the group of each.
        alpha_groups: the share of groups, the worst ones, that count.
        alpha_faces: the share of a group's faces, the worst ones, that count.
    """
    within = [cvar(losses[groups == group], alpha_faces) for group in sorted(set(groups.tolist()))]
    return cvar(torch.stack(within), alpha_groups)


def groups_of(faces: Faces, names: list[str]) -> tuple[Rows, int]:
    """The group of each face, a combination of the values of these attributes: numbers from 0, or -1 where the face
    lacks one; and how many groups there are.

    Raises:
        UserError: no real or no fake is in a group, or all are in the same.
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
                f"`groups` asks for {asked}, but no {title} face that trains has "
                f"{'it' if len(names) == 1 else 'all of them'}; let its source read it: `attributes` in its block"
            )
    if len(known) < 2:
        only = "/".join(known[0])
        raise UserError(f"`groups` asks for {asked}, but all faces that train are {only}: nothing to be fair between")
    return groups, len(known)


def triplets(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Contrastive loss: each face is nearer to those of its class than to the others, by a margin; the mean of
    max(d(face, like) - d(face, unlike) + margin, 0) over all triples, 0 where there is none.

    Args:
        features: [n, d].
        labels: [n].
        margin: a distance.
    """
    distances = torch.linalg.vector_norm(features[:, None] - features[None], dim=2)
    alike = labels[:, None] == labels[None]
    like = alike & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triples = like[:, :, None] & ~alike[:, None, :]
    excess = (distances[:, :, None] - distances[:, None, :] + margin).clamp(min=0)
    mean: Tensor = (excess * triples).sum() / max(int(triples.sum()), 1)
    return mean


def adain(content: Tensor, style: Tensor, floor: float = 1e-5) -> Tensor:
    """The content's maps [n, c, h, w] with the mean and deviation of each of the style's (Huang and Belongie 2017,
    arXiv 1703.06868)."""

    def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(maps, dim=(2, 3), keepdim=True, correction=0)
        return mean, (variance + floor).sqrt()

    (mean, deviation), (new_mean, new_deviation) = moments(content), moments(style)
    return (content - mean) / deviation * new_deviation + new_mean
