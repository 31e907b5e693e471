"""Training augmentation: one distribution for reals and fakes; a real and its twin get the same draw."""

import io

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

from unseen.data.pictures import Pixels
from unseen.detectors.shared.settings import AugmentSettings

JPEG_HIGH = 95
"""Highest JPEG quality that is drawn."""

DRAWS = 25
"""Random numbers per picture."""


def random_numbers(count: int, random: torch.Generator) -> list[list[float]]:
    """`DRAWS` random numbers in [0, 1) for each of `count` pictures."""
    found: list[list[float]] = torch.rand(count, DRAWS, generator=random).tolist()
    return found


def augmented(pixels: Pixels, draw: list[float], settings: AugmentSettings) -> Pixels:
    """Augment one picture uint8 [s, s, 3] by a row of `random_numbers`."""
    flip, turn, turns, jitter, light, contrast, colour, hue, *rest = draw
    resize, smaller, blur, sigma, noise, noise_sigma, grains, jpeg, quality, cutout, side, left, top, *rest = rest
    move, *moves = rest
    if flip < 0.5:
        pixels = pixels[:, ::-1]
    if turn < settings.turn:
        pixels = np.rot90(pixels, 1 + int(3 * turns))
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    size, width = picture.size, picture.width
    if move < settings.move:
        picture = _moved(picture, moves, settings)
    if jitter < settings.jitter:
        picture = _jittered(picture, [light, contrast, colour, hue], settings.jitter_strength)
    if resize < settings.resize:
        small = max(1, round(width * (settings.resize_low + smaller * (1 - settings.resize_low))))
        picture = picture.resize((small, small), Image.Resampling.BILINEAR).resize(size, Image.Resampling.BILINEAR)
    if blur < settings.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(sigma * settings.blur_sigma))
    if noise < settings.noise:
        random = np.random.default_rng(int(grains * 2**53))
        grain = random.normal(0, noise_sigma * settings.noise_sigma, (*size, 3))
        picture = Image.fromarray((np.asarray(picture) + grain).round().clip(0, 255).astype(np.uint8))
    if jpeg < settings.jpeg:
        buffer = io.BytesIO()
        chosen = settings.jpeg_low + int(quality * (JPEG_HIGH - settings.jpeg_low + 1))
        picture.save(buffer, "JPEG", quality=chosen, subsampling="4:2:0")
        picture = Image.open(buffer)
    if cutout < settings.cutout:
        edge = round(side * settings.cutout_side * width)
        corner = round(left * (width - edge)), round(top * (width - edge))
        picture.paste((128, 128, 128), (*corner, corner[0] + edge, corner[1] + edge))
    return np.asarray(picture)


def _moved(picture: Image.Image, draws: list[float], settings: AugmentSettings) -> Image.Image:
    angle, right, down = (2 * draw - 1 for draw in draws)
    side = picture.width
    margin = side // 2  # enough for 45 degrees and a shift of 0.2: 0.7 x sqrt(2) < 1
    around = np.pad(np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    shift = round(settings.move_shift * side * right), round(settings.move_shift * side * down)
    turned = Image.fromarray(around).rotate(settings.move_degrees * angle, Image.Resampling.BILINEAR, translate=shift)
    return turned.crop((margin, margin, margin + side, margin + side))


def _jittered(picture: Image.Image, draws: list[float], strength: float) -> Image.Image:
    light, contrast, colour, hue = (strength * (2 * draw - 1) for draw in draws)
    picture = ImageEnhance.Brightness(picture).enhance(1 + light)
    picture = ImageEnhance.Contrast(picture).enhance(1 + contrast)
    picture = ImageEnhance.Color(picture).enhance(1 + colour)
    values = np.array(picture.convert("HSV"))
    values[..., 0] += np.uint8(round(hue / 4 * 255) % 256)  # hue wraps around at 256
    return Image.fromarray(values, "HSV").convert("RGB")


def augment(pixels: Pixels, settings: AugmentSettings, random: torch.Generator) -> Pixels:
    """Augment pictures uint8 [n, s, s, 3], each by its own random numbers."""
    decided = random_numbers(len(pixels), random)
    return np.stack([augmented(picture, draw, settings) for picture, draw in zip(pixels, decided, strict=True)])
