"""Mean power spectra of real faces and of each generator's fakes. A generator's upsampling causes peaks at high
frequencies (Durall et al. 2020, arXiv 2003.01826)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import map_coordinates

from unseen.data.pictures import Pixels, decode_crop
from unseen.data.sample import evenly
from unseen.data.shards import open_set

Array = npt.NDArray[np.float64]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in ITU-R BT.601, which JPEG uses."""

NATIVE = 128
"""Side of the mean spectra of native sets."""

FLOOR = 1e-3
"""Added to the power before the logarithm; pixels are in [0, 255]."""


def log_power(pixels: Pixels) -> Array:
    """log10 of the power spectra of pictures uint8 [n, s, s, 3]: [n, s, s], with frequency 0 at s // 2.

    Pictures are converted to grey and their mean is subtracted. A Hann window removes the cross that the edges of a
    picture cause. Power is per pixel, so that sizes are comparable.
    """
    size = pixels.shape[1]
    grey = pixels.astype(np.float64) @ np.asarray(LUMA)
    grey -= grey.mean((1, 2), keepdims=True)
    window = np.hanning(size + 1)[:size]  # periodic, like the transform
    weight = np.outer(window, window)
    power = np.abs(np.fft.fft2(grey * weight)) ** 2 / (weight**2).sum()
    return np.fft.fftshift(np.log10(power + FLOOR), axes=(1, 2))


def at_side(spectrum: Array, side: int) -> Array:
    """Interpolate a spectrum [s, s] at the frequencies of one of [side, side]; both have frequency 0 at s // 2.

    The crops of a native set differ in size. Their spectra have the same unit, power per pixel at a frequency in
    cycles per pixel, and no crop is resampled.
    """
    size = len(spectrum)
    place = (np.arange(side) - side // 2) / side * size + size // 2
    found: Array = map_coordinates(spectrum, np.meshgrid(place, place, indexing="ij"), order=1, mode="grid-wrap")
    return found


def radial(spectrum: Array) -> pd.DataFrame:
    """The radial mean of a spectrum [s, s]: columns frequency, in cycles per pixel up to 0.5, and log_power."""
    size = len(spectrum)
    place = np.arange(size) - size // 2
    radius = np.hypot(place[None], place[:, None]).round().astype(int)
    rings = np.arange(1, size // 2 + 1)
    sums, counts = (np.bincount(radius.ravel(), values) for values in (spectrum.ravel(), None))
    return pd.DataFrame({"frequency": rings / size, "log_power": sums[rings] / counts[rings]})


def _pictures(folders: list[Path], count: int) -> Iterator[tuple[str, str, Pixels]]:
    """Yield name, label and crop of at most `count` faces of each generator and source of reals, each face once."""
    found: dict[tuple[str, str], set[str]] = {}
    columns = ["id", "label", "generator", "source"]
    for folder in folders:
        for batch in open_set(folder).batches(["train", "val", "test"], columns):
            for row in batch.to_pylist():
                found.setdefault(_name(row), set()).add(row["id"])
    wanted = {key: set(evenly(ids, count)) for key, ids in found.items()}
    for folder in folders:
        for batch in open_set(folder).batches(["train", "val", "test"], ["image", *columns]):
            for row in batch.to_pylist():
                if row["id"] in wanted[_name(row)]:
                    wanted[_name(row)].remove(row["id"])
                    name, label = _name(row)
                    yield name, label, decode_crop(row["image"]["bytes"])


def _name(row: dict[str, object]) -> tuple[str, str]:
    return (str(row["generator"]), "fake") if row["label"] else (str(row["source"]), "real")


def mean_spectra(folders: list[Path], count: int) -> dict[tuple[str, str], tuple[Array, int]]:
    """Compute the mean spectrum of each generator and source of reals.

    Args:
        folders: sets of faces.
        count: maximum number of pictures of each generator and source.

    Returns:
        The spectrum [s, s] and its number of pictures, by name and label, reals first.
    """
    sums: dict[tuple[str, str], tuple[Array, int]] = {}
    native = any(open_set(folder).native for folder in folders)
    for name, label, pixels in _pictures(folders, count):
        spectrum = log_power(pixels[None])[0]
        if native:
            spectrum = at_side(spectrum, NATIVE)
        before, number = sums.get((name, label), (np.zeros(spectrum.shape), 0))
        sums[name, label] = before + spectrum, number + 1
    ordered = sorted(sums.items(), key=lambda item: (item[0][1] == "fake", item[0]))
    return {key: (total / number, number) for key, (total, number) in ordered}


def profiles(spectra: dict[tuple[str, str], tuple[Array, int]]) -> pd.DataFrame:
    """All radial profiles as a table: name, label, pictures, frequency, log_power."""
    tables = []
    for (name, label), (spectrum, number) in spectra.items():
        about = pd.DataFrame({"name": name, "label": label, "pictures": number}, index=range(len(spectrum) // 2))
        tables.append(pd.concat([about, radial(spectrum)], axis=1))
    return pd.concat(tables, ignore_index=True)


def chart(spectra: dict[tuple[str, str], tuple[Array, int]]) -> Figure:
    """Plot the mean spectra side by side on one colour scale, and their radial profiles below."""
    figure = Figure(figsize=(max(6.4, 2.4 * len(spectra)), 5.6), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1, 1.3])
    above, below = parts
    low = min(float(spectrum.min()) for spectrum, _ in spectra.values())
    high = max(float(spectrum.max()) for spectrum, _ in spectra.values())
    places = above.subplots(1, len(spectra), squeeze=False)[0]
    for axes, ((name, label), (spectrum, number)) in zip(places, spectra.items(), strict=True):
        size = len(spectrum)
        left, right = (-(size // 2) - 0.5) / size, (size - size // 2 - 0.5) / size
        edges = (left, right, right, left)
        shown = axes.imshow(spectrum, vmin=low, vmax=high, cmap="magma", extent=edges)
        axes.set_title(f"{name} ({label}, n = {number})", fontsize=8)
        axes.tick_params(labelsize=7)
    above.colorbar(shown, ax=list(places), label="log10 power", shrink=0.8)
    axes = below.subplots()
    for (name, label), (spectrum, _) in spectra.items():
        profile = radial(spectrum)
        line = "-" if label == "real" else "--"
        axes.plot(profile["frequency"], profile["log_power"], line, label=f"{name} ({label})")
    axes.set(xlabel="frequency, cycles per pixel", ylabel="mean log10 power", xlim=(0, 0.5))
    axes.legend(fontsize=8)
    return figure
