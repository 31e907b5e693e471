"""People drawn with replacement, not pictures: ten pictures of one person are not ten independent ones."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from unseen.data.splits import unit_interval
from unseen.evaluation.bounds import SAME, unanimous

Counts = npt.NDArray[np.int64]


def draws(people: int, resamples: int, seed: int) -> Iterator[Counts]:
    """How many times each person is in a resample, [people], for each of the resamples."""
    random = np.random.default_rng(int(unit_interval("bootstrap", seed) * 2**53))
    for _ in range(resamples):
        yield np.bincount(random.integers(people, size=people), minlength=people)


def interval(found: Sequence[float] | npt.NDArray[np.float64]) -> dict[str, float]:
    """The middle 95 % of what the resamples gave."""
    low, high = np.quantile(found, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def has_width(around: Mapping[str, float]) -> bool:
    """Whether resamples differ by more than rounding."""
    return around["high"] - around["low"] > SAME


def bounded(found: npt.NDArray[np.float64], trials: int, least: float = 0.0, most: float = 1.0) -> dict[str, float]:
    """The interval of a mean, or where all resamples agree `unanimous`."""
    around = interval(found)
    return around if has_width(around) else unanimous(float(found[0]), trials, least, most)
