"""Bootstrap over people, not images, because images of one person are not independent."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from unseen.data.splits import unit_interval
from unseen.evaluation.bounds import SAME, unanimous

Counts = npt.NDArray[np.int64]


def resample_counts(people: int, resamples: int, seed: int) -> Iterator[Counts]:
    """Yield each resample as the number of times each person is drawn, [people]."""
    random = np.random.default_rng(int(unit_interval("bootstrap", seed) * 2**53))
    for _ in range(resamples):
        yield np.bincount(random.integers(people, size=people), minlength=people)


def interval(found: Sequence[float] | npt.NDArray[np.float64]) -> dict[str, float]:
    """The 2.5 % and 97.5 % quantiles of the resampled values."""
    low, high = np.quantile(found, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def has_width(around: Mapping[str, float]) -> bool:
    """Whether the resampled values differ by more than rounding."""
    return around["high"] - around["low"] > SAME


def bounded(found: npt.NDArray[np.float64], trials: int, least: float = 0.0, most: float = 1.0) -> dict[str, float]:
    """The bootstrap interval of a mean, or the bound from `unanimous` if all resamples agree."""
    around = interval(found)
    return around if has_width(around) else unanimous(float(found[0]), trials, least, most)
