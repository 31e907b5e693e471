"""How far samples are from real faces, without any network: a sliced Wasserstein distance of small patches
(after Karras et al. 2018, arXiv 1710.10196, at one scale). It needs no weights, so no detector shares its view."""

import torch
from torch import Tensor
from torch.nn import functional

from unseen.runtime import generator

PATCH = 7
PATCHES = 4096
PROJECTIONS = 128


def _patches(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Random square patches of uint8 pictures [n, 3, s, s]: [PATCHES, 3 * PATCH * PATCH] in [-1, 1]."""
    n, _, size, _ = pictures.shape
    which = torch.randint(n, (PATCHES,), generator=random)
    corners = torch.randint(size - PATCH + 1, (2, PATCHES), generator=random)
    reach = torch.arange(PATCH)
    rows, columns = corners[0, :, None] + reach, corners[1, :, None] + reach
    cut = pictures[which[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return cut.flatten(1).float() / 127.5 - 1.0


def patch_distance(reals: Tensor, fakes: Tensor) -> float:
    """Mean distance between sorted random projections of patches of two sets, near 0 for sets alike.

    Args:
        reals: uint8 [n, 3, s, s] on the CPU.
        fakes: uint8 [m, 3, s, s] on the CPU.
    """
    random = generator("patch_distance")
    directions = functional.normalize(torch.randn(3 * PATCH * PATCH, PROJECTIONS, generator=random), dim=0)
    sides = [(_patches(side, random) @ directions).sort(0).values for side in (reals, fakes)]
    return float((sides[0] - sides[1]).abs().mean())
