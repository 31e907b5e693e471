"""Ranking metrics (AUC, average precision, EER) for any weights of the faces."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unseen.evaluation.bootstrap import Counts, Floats, Resampling, resample_counts, strata


class Ranked(NamedTuple):
    """Ranking metrics.

    Attributes:
        auc: the share of pairs of a real and a fake in which the fake has the higher value; ties count as half.
        average_precision: the mean over fakes of the precision at their value, as in scikit-learn.
        eer: the FPR where it equals the false negative rate, on the linearly interpolated ROC curve.
    """

    auc: float
    average_precision: float
    eer: float


class Ranking:
    """Faces of both classes, sorted once, so that metrics under other weights, as in a bootstrap, need no sorting.

    Attributes:
        reals: rows of the real faces, lowest value first.
        fakes: rows of the fakes, lowest value first.
    """

    def __init__(self, labels: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
        """Sort the faces by `values`, [n], higher for fake; `labels` are [n], 0 real and 1 fake."""
        order = np.argsort(values, kind="stable")
        fake = labels[order] == 1
        self.reals, self.fakes = order[~fake], order[fake]
        reals, fakes = values[self.reals], values[self.fakes]
        self.below = np.searchsorted(reals, fakes)
        self.not_above = np.searchsorted(reals, fakes, "right")
        self._first_tied = np.searchsorted(fakes, fakes)
        levels = np.unique(values)
        self._reals_below = np.searchsorted(reals, levels)
        self._fakes_below = np.searchsorted(fakes, levels)

    def auc(self, real_weights: Counts, fake_weights: Counts) -> float:
        """The AUC alone, with integer weights in the order of `reals` and `fakes`; each class must have weight."""
        reals = np.concatenate([[0], np.cumsum(real_weights)])
        above = int(fake_weights @ (reals[self.below] + reals[self.not_above]))
        return above / (2 * int(reals[-1]) * int(fake_weights.sum()))

    def all_once(self) -> Ranked:
        """The metrics with every weight 1; both classes must be present."""
        found = self.weighted(np.ones(len(self.reals), np.int64), np.ones(len(self.fakes), np.int64))
        assert found
        return found

    def weighted(self, real_weights: Counts, fake_weights: Counts) -> Ranked | None:
        """The metrics with integer weights; None if all weights of a class are 0.

        Args:
            real_weights: weights in the order of `reals`.
            fake_weights: weights in the order of `fakes`.
        """
        reals = np.concatenate([[0], np.cumsum(real_weights)])
        fakes = np.concatenate([[0], np.cumsum(fake_weights)])
        n_reals, n_fakes = int(reals[-1]), int(fakes[-1])
        if not n_reals or not n_fakes:
            return None
        below = reals[self.below]
        auc = int(fake_weights @ (below + reals[self.not_above])) / (2 * n_reals * n_fakes)
        true_positives = n_fakes - fakes[self._first_tied]
        called_fake = true_positives + n_reals - below
        precision = true_positives / np.maximum(called_fake, 1)  # 0 / 0 only at fakes of weight 0
        return Ranked(auc, float(fake_weights @ precision) / n_fakes, self._eer(reals, fakes))

    def _eer(self, reals: Counts, fakes: Counts) -> float:
        """The EER from cumulative weights, by bisection: as the threshold rises, the FPR falls and the false negative
        rate rises."""
        n_reals, n_fakes = int(reals[-1]), int(fakes[-1])

        def rates(level: int) -> tuple[float, float]:
            """False positive and false negative rate with the threshold at a level; the last is above all values."""
            if level == len(self._reals_below):
                return 0.0, 1.0
            false_positives = n_reals - int(reals[self._reals_below[level]])
            return false_positives / n_reals, int(fakes[self._fakes_below[level]]) / n_fakes

        low, high = 0, len(self._reals_below)
        while high - low > 1:
            middle = (low + high) // 2
            fpr, fnr = rates(middle)
            low, high = (middle, high) if fnr < fpr else (low, middle)
        (fpr, fnr), (next_fpr, next_fnr) = rates(low), rates(high)
        along = (fpr - fnr) / ((next_fnr - fnr) + (fpr - next_fpr))
        return fpr + along * (next_fpr - fpr)


def resampled_aucs(
    rankings: Sequence[Sequence[Ranking]],
    drawn: Sequence[Counts],
    labels: npt.NDArray[np.int64],
    people: npt.NDArray[np.int64],
    how: Resampling,
) -> list[Floats]:
    """The AUCs of detectors on the same faces in each resample of people, which is the same for all.

    Args:
        rankings: for each detector, the ranking of each training seed.
        drawn: for each detector, how often each training seed is drawn, [resamples, seeds].
        labels: [n], 0 real and 1 fake.
        people: [n], the person of each face, numbered from 0.
        how: of the bootstrap.

    Returns:
        For each detector [resamples, seeds], 0 where a seed is not drawn.
    """
    rows = [[(people[one.reals], people[one.fakes]) for one in of] for of in rankings]
    found = [np.zeros(times.shape) for times in drawn]
    for number, counts in enumerate(resample_counts(strata(labels, people), how)):
        for aucs, of, places, times in zip(found, rankings, rows, drawn, strict=True):
            for seed in np.flatnonzero(times[number]).tolist():
                reals, fakes = places[seed]
                aucs[number, seed] = of[seed].auc(counts[reals], counts[fakes])
    return found
