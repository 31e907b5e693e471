"""The interval of each number of a pair, also where all resamples agree: see `bounds`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unseen.evaluation.bootstrap import has_width, interval
from unseen.evaluation.bounds import TAIL, unanimous
from unseen.evaluation.reliability import SURE

Bound = dict[str, float]


@dataclass(frozen=True)
class Trials:
    """How many independent trials there are.

    Attributes:
        people: of either class.
        fakes: people with a fake.
        called: people with a face that was called fake.
        positive: people with a fake or with a face that was called fake.
        pairs: of a real and a fake that share no person with each other or with another pair.
        odds: real faces for each fake face.
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
        """From each face's label, whether it was called fake, and whose it is."""
        fake = labels == 1
        everybody, reals, fakes, fpr, positive = (
            len(np.unique(people[chosen])) for chosen in (fake | ~fake, ~fake, fake, called, fake | called)
        )
        pairs = min(reals, fakes, everybody // 2)
        return cls(everybody, fakes, fpr, positive, pairs, float((~fake).sum() / fake.sum()))


def _eer(value: float, trials: Trials) -> Bound:
    """Half the tail on either side of the threshold at which both errors are e: classes are apart at a threshold
    below it only if all reals lie below it, above it only if all fakes do; either has a probability of (1 - e)^k."""
    return unanimous(value, trials.pairs, tail=TAIL / 2)


def _balanced_accuracy(value: float, trials: Trials) -> Bound:
    """As many reals as fakes, which are right with this probability on the average: that all are, or none is, says
    something about each of them, but that all of one class are and none of the other only about each pair."""
    return unanimous(value, trials.pairs if 0 < value < 1 else 2 * trials.pairs)


def _average_precision(value: float, trials: Trials) -> Bound:
    """With both errors at most e somewhere on the ROC curve (see `_eer`), the precision at a recall of r below 1 - e
    is at least r / (r + odds x e), and its integral over r is the bound. Other values than 1 have none."""
    e = _eer(0.0, trials)["high"]
    if value < 1 or e >= 1:
        return {"low": 0.0, "high": 1.0}
    wrong, recall = trials.odds * e, 1 - e
    return {"low": max(0.0, recall - wrong * math.log1p(recall / wrong)), "high": 1.0}


def _f1(value: float, trials: Trials) -> Bound:
    """Through the share of the faces that are fake or called fake of which both is true, a proportion: F1 is
    2 x that / (1 + that)."""
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
"""Of each number of a pair, by its name."""


def interval_of(name: str, found: npt.NDArray[np.float64], trials: Trials) -> Bound:
    """The 95 % interval of a number of BOUNDS: the bootstrap's, or the exact bound where that has no width."""
    around = interval(found)
    return around if has_width(around) else BOUNDS[name](float(found[0]), trials)
