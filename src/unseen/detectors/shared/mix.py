"""Mixing of a fake with its real, which makes the difference between the classes smaller (Chen et al. 2025, "Dual
Data Alignment", arXiv 2505.14359)."""

import numpy as np
from scipy.fft import dctn, idctn

from unseen.data.pictures import Pixels
from unseen.detectors.shared.settings import MixSettings

DRAWS = 4
"""Random numbers per fake."""


def mixed(real: Pixels, fake: Pixels, draw: list[float], settings: MixSettings) -> Pixels:
    """Mix a fake uint8 [s, s, 3] with its real of the same shape; `draw` has `DRAWS` numbers in [0, 1)."""
    by_pixels, by_frequencies, share, seed = draw
    share *= settings.most
    if by_pixels < settings.pixels:
        fake = (share * real.astype(float) + (1 - share) * fake).round().astype(np.uint8)
    if by_frequencies < settings.frequencies:
        sides = [dctn(picture.astype(float), axes=(0, 1), norm="ortho") for picture in (real, fake)]
        taken = np.random.default_rng(int(seed * 2**53)).random(fake.shape[:2]) < share
        both = np.where(taken[..., None], *sides)
        fake = idctn(both, axes=(0, 1), norm="ortho").round().clip(0, 255).astype(np.uint8)
    return fake
