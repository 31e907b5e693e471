"""Bootstrap over people and training seeds.

People and not images are resampled, because images of one person are not independent. Training seeds are resampled
too, because another training gives another network. The bootstrap over people is stratified by class, so that every
resample has as many real people and as many people with fakes as the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unseen.core.draws import unit_interval
from unseen.evaluation.bounds import SAME, unanimous

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Resampling:
    """How often, and with which seed, people and training seeds are resampled."""

    resamples: int = 1000
    seed: int = 0


def generator(seed: int, what: str) -> np.random.Generator:
    """Random numbers that depend on the seed of the bootstrap and on what is resampled."""
    return np.random.default_rng(int(unit_interval("bootstrap", what, seed) * 2**53))


def strata(labels: npt.NDArray[np.int64], people: npt.NDArray[np.int64]) -> list[Counts]:
    """Group people by the classes that they have faces of: real only, fake only, or both.

    Args:
        labels: [n], 0 real and 1 fake.
        people: [n], the person of each face, numbered from 0.

    Returns:
        The people of each group that is not empty.
    """
    persons = int(people.max()) + 1
    classes = sum((1 + label) * (np.bincount(people[labels == label], minlength=persons) > 0) for label in (0, 1))
    found = [np.flatnonzero(classes == which) for which in (1, 2, 3)]
    return [members for members in found if len(members)]


def resample_counts(groups: Sequence[Counts], how: Resampling) -> Iterator[Counts]:
    """Yield each resample as the number of times each person is drawn, [people].

    Args:
        groups: people that are resampled among themselves, from `strata`; together all people.
        how: of the bootstrap.
    """
    random = generator(how.seed, "people")
    for _ in range(how.resamples):
        counts = np.empty(sum(map(len, groups)), np.int64)
        for members in groups:
            drawn = random.integers(len(members), size=len(members))
            counts[members] = np.bincount(drawn, minlength=len(members))
        yield counts


def seed_counts(seeds: int, how: Resampling, what: str = "training seeds") -> Counts:
    """The number of times that each of `seeds` training seeds is drawn in each resample, [resamples, seeds]."""
    return generator(how.seed, what).multinomial(seeds, np.full(seeds, 1 / seeds), size=how.resamples)


def mean_of_drawn(values: Floats, drawn: Counts) -> Floats:
    """The mean over the drawn training seeds in each resample.

    Args:
        values: [resamples, seeds]; ignored where a seed is not drawn.
        drawn: from `seed_counts`.
    """
    return np.asarray(np.where(drawn > 0, values * drawn, 0.0).sum(1) / drawn.sum(1))


def interval(found: Sequence[float] | Floats) -> dict[str, float]:
    """The 2.5 % and 97.5 % quantiles of the resampled values."""
    low, high = np.quantile(found, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def has_width(around: Mapping[str, float]) -> bool:
    """Whether the resampled values differ by more than rounding."""
    return around["high"] - around["low"] > SAME


def bounded(found: Floats, trials: int, least: float = 0.0, most: float = 1.0) -> dict[str, float]:
    """The bootstrap interval of a mean, or the bound from `unanimous` if all resamples agree."""
    around = interval(found)
    return around if has_width(around) else unanimous(float(found[0]), trials, least, most)


def by_name(seeds: Sequence[int], values: Sequence[float] | Floats) -> dict[str, float]:
    """The value of each training seed, under the seed as text, as in JSON."""
    return {str(seed): float(value) for seed, value in zip(seeds, values, strict=True)}
