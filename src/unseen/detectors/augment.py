"""Training augmentation, the same for real and fake: flip, blur, JPEG."""

import io

import numpy as np
import torch
from PIL import Image, ImageFilter

from unseen.detectors.settings import AugmentSettings
from unseen.pictures import Pixels

JPEG_HIGH = 95


def _one(pixels: Pixels, draw: list[float], settings: AugmentSettings) -> Pixels:
    """Augment one picture [s, s, 3] by five numbers in [0, 1)."""
    flip, blur, sigma, jpeg, quality = draw
    if flip < 0.5:
        pixels = pixels[:, ::-1]
    if blur >= settings.blur and jpeg >= settings.jpeg:
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if blur < settings.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(sigma * settings.blur_sigma))
    if jpeg < settings.jpeg:
        buffer = io.BytesIO()
        chosen = settings.jpeg_low + int(quality * (JPEG_HIGH - settings.jpeg_low + 1))
        picture.save(buffer, "JPEG", quality=chosen, subsampling="4:2:0")
        picture = Image.open(buffer)
    return np.asarray(picture)


def augment(pixels: Pixels, settings: AugmentSettings, random: torch.Generator) -> Pixels:
    """Augment pictures uint8 [n, s, s, 3], each its own way, by a generator of their own."""
    draws = torch.rand(len(pixels), 5, generator=random).tolist()
    return np.stack([_one(picture, draw, settings) for picture, draw in zip(pixels, draws, strict=True)])
