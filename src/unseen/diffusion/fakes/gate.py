"""The Gram gate: which pictures are accepted, and what its distances say about a set."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.shards import FaceSet
from unseen.diffusion.fakes.gram import gram_distances
from unseen.diffusion.fakes.settings import GramSettings

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = 20


def _tensors(pictures: Sequence[Pixels]) -> list[Tensor]:
    """Pictures uint8 [h, w, 3] as tensors [3, h, w]."""
    return [torch.from_numpy(pixels.copy()).permute(2, 0, 1) for pixels in pictures]


class Gate:
    """Compares made pictures with their reals."""

    def __init__(self, settings: GramSettings, network: nn.Module, threshold: float) -> None:
        self.settings, self._network, self.threshold = settings, network, threshold

    def distances(self, reals: Sequence[Pixels], made: Sequence[Pixels]) -> list[float]:
        """The Gram distance of each made picture from its real, to six significant digits."""
        found = gram_distances(_tensors(reals), _tensors(made), self._network, self.settings.side)
        return [float(f"{value:.6g}") for value in found.tolist()]


def gate_of(settings: GramSettings, network: nn.Module, between_reals: Sequence[float]) -> Gate:
    """The gate with its threshold: that of params, or the quantile of the distances between reals.

    Raises:
        UserError: there is no threshold, and reals are of one person.
    """
    threshold = settings.threshold
    if threshold is None:
        if not between_reals:
            raise UserError("`gram.quantile` needs reals of two or more people; give `gram.threshold`")
        threshold = float(f"{np.quantile(between_reals, settings.quantile):.6g}")
    return Gate(settings, network, threshold)


def distances_of_reals(reals: Sequence[FaceSet], network: nn.Module, settings: GramSettings) -> list[float]:
    """Gram distances between reals of different people: of each person's first face to that of the next person.

    Args:
        reals: the sets that fakes are made of.
        network: see `gram_distances`.
        settings: number of pairs at most, and the side at which the network sees them.
    """
    faces: dict[str, Pixels] = {}
    for face_set in reals:
        for batch in face_set.batches(["train", "val", "test"], ["image", "identity"], 64):
            for image, identity in zip(batch["image"].to_pylist(), batch["identity"].to_pylist(), strict=True):
                if len(faces) <= settings.reference and identity not in faces:
                    faces[identity] = decode_crop(image["bytes"])
    shown = list(faces.values())
    if len(shown) < 2:
        return []
    return gram_distances(_tensors(shown[:-1]), _tensors(shown[1:]), network, settings.side).tolist()


def gram_metrics(
    distances: Sequence[Sequence[float]], between_reals: Sequence[float], threshold: float
) -> dict[str, Any]:
    """Numbers of the gate.

    Args:
        distances: of each picture, the distance of each try.
        between_reals: from `distances_of_reals`, for comparison.
        threshold: of the gate.

    Returns:
        `threshold`; `first`, `best` and `reals`: number, quantiles and histogram of the distances of first tries, of
        the nearest tries and between reals; `made_again`: pictures with more than one try; `retries`: tries beyond
        the first; `given_up`: pictures without an accepted try; `edges` of the histograms.
    """
    first = [tries[0] for tries in distances if math.isfinite(tries[0])]
    best = [nearest for tries in distances if math.isfinite(nearest := min(tries))]
    every = [*first, *best, *between_reals, threshold]
    edges = np.linspace(0, max(every), BINS + 1)
    sides: Mapping[str, Sequence[float]] = {"first": first, "best": best, "reals": between_reals}
    return {
        "threshold": threshold,
        "edges": edges.tolist(),
        "made_again": sum(len(tries) > 1 for tries in distances),
        "retries": sum(len(tries) - 1 for tries in distances),
        "given_up": sum(min(tries) > threshold for tries in distances),
        **{name: _distribution(values, edges) for name, values in sides.items()},
    }


def _distribution(values: Sequence[float], edges: Any) -> dict[str, Any]:
    if not values:
        return {"count": 0, "quantiles": {}, "histogram": []}
    quantiles = np.quantile(values, QUANTILES)
    return {
        "count": len(values),
        "quantiles": {str(q): float(value) for q, value in zip(QUANTILES, quantiles, strict=True)},
        "histogram": np.histogram(values, edges)[0].tolist(),
    }
