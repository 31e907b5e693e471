"""Training augmentation: one distribution for reals and fakes; a real and its twin get the same draw."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageFilter

from unseen.data.pictures import Pixels
from unseen.detectors.shared.settings import AugmentSettings

JPEG_HIGH = 95
"""Highest JPEG quality that is drawn."""

DRAWS = 25
"""Random numbers per picture."""

KERNELS = tuple(Image.Resampling[name] for name in ("NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"))
"""Kernels of `rescale`, each with equal probability: those of Chen et al. 2025 (arXiv 2505.14359)."""

DEGRADATIONS = ("jitter", "resize", "rescale", "blur", "noise", "jpeg", "cutout")
"""Knobs with the probability of a change that degrades a picture; the others only move it."""


def without_degradations(settings: AugmentSettings) -> AugmentSettings:
    """The same augmentation without degradations: mirroring, rotations and shifts only."""
    return settings.model_copy(update=dict.fromkeys(DEGRADATIONS, 0.0))


def random_numbers(count: int, random: torch.Generator) -> list[list[float]]:
    """`DRAWS` random numbers in [0, 1) for each of `count` pictures."""
    found: list[list[float]] = torch.rand(count, DRAWS, generator=random).tolist()
    return found


def augmented(pixels: Pixels, draw: list[float], settings: AugmentSettings) -> Pixels:
    """Augment one picture uint8 [s, s, 3] by a row of `random_numbers`. Two pictures with the same row get the same
    changes."""
    # Of its own generator, because more numbers in a row would change what older settings draw.
    further = np.random.default_rng([int(number * 2**24) for number in draw])
    rescale, webp, *rescaling = further.random(7).tolist()
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
    if rescale < settings.rescale:
        picture = _rescaled(picture, rescaling, settings)
    if blur < settings.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(sigma * settings.blur_sigma))
    if noise < settings.noise:
        random = np.random.default_rng(int(grains * 2**53))
        grain = random.normal(0, noise_sigma * settings.noise_sigma, (*size, 3))
        picture = _rounded(np.asarray(picture) + grain)
    if jpeg < settings.jpeg:
        buffer = io.BytesIO()
        chosen = settings.jpeg_low + int(quality * (JPEG_HIGH - settings.jpeg_low + 1))
        if webp < settings.webp:
            picture.save(buffer, "WEBP", quality=chosen)
        else:
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
    angle *= settings.move_degrees
    # As float32, because Pillow truncates the result of a rotation of uint8.
    colours = [Image.fromarray(around[..., colour].astype(np.float32)) for colour in range(3)]
    turned = [one.rotate(angle, Image.Resampling.BILINEAR, translate=shift) for one in colours]
    middle = slice(margin, margin + side)
    return _rounded(np.stack([np.asarray(one)[middle, middle] for one in turned], axis=2))


def _rescaled(picture: Image.Image, draws: list[float], settings: AugmentSettings) -> Image.Image:
    """Resize by a factor below or above 1, each with probability 0.5, and return to the side: by the same kernel, or
    by a crop. Five draws: kernel, direction, factor, left and top."""
    chosen, larger, by, left, top = draws
    kernel, side = KERNELS[int(chosen * len(KERNELS))], picture.width
    if larger < 0.5:
        small = max(1, round(side * (settings.rescale_low + by * (1 - settings.rescale_low))))
        return picture.resize((small, small), kernel).resize((side, side), kernel)
    large = round(side * (1 + by * (settings.rescale_high - 1)))
    corner = round(left * (large - side)), round(top * (large - side))
    return picture.resize((large, large), kernel).crop((*corner, corner[0] + side, corner[1] + side))


def _rounded(values: npt.NDArray[Any]) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def _jittered(picture: Image.Image, draws: list[float], strength: float) -> Image.Image:
    light, contrast, colour, hue = (strength * (2 * draw - 1) for draw in draws)
    # The factors of Pillow's ImageEnhance, which truncates.
    picture = _rounded(np.asarray(picture) * (1 + light))
    pixels, grey = np.asarray(picture).astype(float), np.asarray(picture.convert("L"))
    picture = _rounded((pixels - round(grey.mean())) * (1 + contrast) + round(grey.mean()))
    pixels, grey = np.asarray(picture).astype(float), np.asarray(picture.convert("L"))[..., None]
    picture = _rounded((pixels - grey) * (1 + colour) + grey)
    values = np.array(picture.convert("HSV"))
    values[..., 0] += np.uint8(round(hue / 4 * 255) % 256)  # hue wraps around at 256
    return Image.fromarray(values, "HSV").convert("RGB")


def augment(pixels: Pixels, settings: AugmentSettings, random: torch.Generator) -> Pixels:
    """Augment pictures uint8 [n, s, s, 3], each by its own random numbers."""
    decided = random_numbers(len(pixels), random)
    return np.stack([augmented(picture, draw, settings) for picture, draw in zip(pixels, decided, strict=True)])
