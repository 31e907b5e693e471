"""Fakes that are real in part, so that a detector looks everywhere and for less (Chen et al. 2025, "Dual Data
Alignment", arXiv 2505.14359)."""

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import dctn, idctn

from unseen.detectors.settings import MixSettings
from unseen.pictures import Pixels


def mixed(
    reals: Pixels, fakes: Pixels, linked: npt.NDArray[np.bool_], settings: MixSettings, random: torch.Generator
) -> Pixels:
    """Fakes uint8 [n, s, s, 3], some of them mixed with the real in the same place.

    Args:
        reals: of the same shape.
        fakes: are left alone.
        linked: [n], whether the real in its place is a fake's own; the others are never mixed.
        settings: how often, and how much.
        random: decides.
    """
    found = fakes.copy()
    for row, draw in enumerate(torch.rand(len(fakes), 4, generator=random, dtype=torch.double).tolist()):
        if not linked[row]:
            continue
        by_pixels, by_frequencies, share, seed = draw
        share *= settings.most
        if by_pixels < settings.pixels:
            whole = share * reals[row].astype(float) + (1 - share) * found[row]
            found[row] = whole.round().astype(np.uint8)
        if by_frequencies < settings.frequencies:
            sides = [dctn(picture.astype(float), axes=(0, 1), norm="ortho") for picture in (reals[row], found[row])]
            taken = np.random.default_rng(int(seed * 2**53)).random(sides[0].shape[:2]) < share
            both = np.where(taken[..., None], *sides)
            found[row] = idctn(both, axes=(0, 1), norm="ortho").round().clip(0, 255).astype(np.uint8)
    return found
