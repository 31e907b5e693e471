"""The interval of each metric of a pair, also if all resamples agree: see `bounds`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from unseen.evaluation.bootstrap import has_width, interval
from unseen.evaluation.bounds import TAIL, unanimous
from unseen.evaluation.reliability import SURE

Bound = dict[str, float]


@dataclass(frozen=True)
class Trials:
    """Numbers of independent trials.

    Attributes:
        people: people of both classes.
        fakes: people with a fake.
        called: people with a face that was called fake.
        positive: people with a fake, or with a face that was called fake.
        pairs: pairs of a real face and a fake in which each person occurs once.
        odds: ratio of real faces to fakes.
    """

    people: int
    fakes: int
    called: int
    positive: int
    pairs: int
    odds: float

    @classmethod
    def of(
        cls, labels: npt.NDArray[np.int64], called: npt.NDArray[np.bool_], people: npt.NDArray[np.int64]
    ) -> "Trials":
        """Count the trials from each face's label, decision (true for fake) and person, [n] each."""
        fake = labels == 1
        everybody, reals, fakes, called_fake, positive = (
            len(np.unique(people[chosen])) for chosen in (fake | ~fake, ~fake, fake, called, fake | called)
        )
        pairs = min(reals, fakes, everybody // 2)
        return cls(everybody, fakes, called_fake, positive, pairs, float((~fake).sum() / fake.sum()))

    @classmethod
    def least(cls, trials: "Sequence[Trials]") -> "Trials":
        """The smallest count of each kind over several training seeds, which call other faces fake."""
        return cls(*(min(values) for values in zip(*map(astuple, trials), strict=True)))


def _eer(value: float, trials: Trials) -> Bound:
    """Bound for the threshold at which both errors are e, with half the tail on each side.

    If the classes are separated, all reals are below that threshold or all fakes are above it. Each of these has a
    probability of (1 - e)^k.
    """
    return unanimous(value, trials.pairs, tail=TAIL / 2)


def _balanced_accuracy(value: float, trials: Trials) -> Bound:
    """Bound over `pairs` reals and as many fakes.

    If all or none are classified correctly, each face is a trial. If one class is correct and the other wrong, each
    pair is a trial.
    """
    return unanimous(value, trials.pairs if 0 < value < 1 else 2 * trials.pairs)


def _average_precision(value: float, trials: Trials) -> Bound:
    """Bound from the EER bound e: the precision at a recall r below 1 - e is at least r / (r + odds x e), and the
    bound is its integral over r. There is no bound for values below 1."""
    e = _eer(0.0, trials)["high"]
    if value < 1 or e >= 1:
        return {"low": 0.0, "high": 1.0}
    wrong, recall = trials.odds * e, 1 - e
    return {"low": max(0.0, recall - wrong * math.log1p(recall / wrong)), "high": 1.0}


def _f1(value: float, trials: Trials) -> Bound:
    """Bound from p, the share of true positives among faces that are fake or called fake: F1 is 2 p / (1 + p)."""
    both = unanimous(value / (2 - value), trials.positive)
    return {end: 2 * share / (1 + share) for end, share in both.items()}


def _rmse(value: float, trials: Trials) -> Bound:
    return {end: math.sqrt(square) for end, square in unanimous(value**2, trials.people).items()}


BOUNDS: dict[str, Callable[[float, Trials], Bound]] = {
    "auc": lambda value, trials: unanimous(value, trials.pairs),
    "average_precision": _average_precision,
    "eer": _eer,
    "accuracy": lambda value, trials: unanimous(value, trials.people),
    "balanced_accuracy": _balanced_accuracy,
    "precision": lambda value, trials: unanimous(value, trials.called),
    "recall": lambda value, trials: unanimous(value, trials.fakes),
    "f1": _f1,
    "mse": lambda value, trials: unanimous(value, trials.people),
    "rmse": _rmse,
    "log_loss": lambda value, trials: unanimous(value, trials.people, most=-math.log(SURE)),
}
"""The bound of each metric of a pair, by name."""


def interval_of(name: str, found: npt.NDArray[np.float64], trials: Trials) -> Bound:
    """The 95 % interval of a metric of BOUNDS: from the bootstrap, or the exact bound if that has no width."""
    around = interval(found)
    return around if has_width(around) else BOUNDS[name](float(found[0]), trials)
