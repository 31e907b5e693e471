"""How well an order of faces tells the classes apart: AUC, average precision, EER, for any weights of the faces."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


class Ranked(NamedTuple):
    """What an order of faces comes to.

    Attributes:
        auc: the share of pairs of a real and a fake of which the fake is higher; a tie counts as half.
        average_precision: the mean over fakes of the precision at their value (scikit-learn's sum of precision times
            the recall that is gained).
        eer: the false-positive rate at which as many fakes are missed, on the ROC curve with straight lines between
            its points.
    """

    auc: float
    average_precision: float
    eer: float


class Ranking:
    """Faces of both classes, sorted once: under other weights, such as a bootstrap's, nothing is sorted anew.

    Attributes:
        reals: rows of the real faces, lowest value first.
        fakes: rows of the fakes, lowest value first.
    """

    def __init__(self, labels: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
        """`labels` are [n], 0 real and 1 fake; `values` [n], higher for fake."""
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

    def all_once(self) -> Ranked:
        """The numbers of the faces as they are; both classes must be there."""
        found = self.weighted(np.ones(len(self.reals), np.int64), np.ones(len(self.fakes), np.int64))
        assert found
        return found

    def weighted(self, real_weights: Counts, fake_weights: Counts) -> Ranked | None:
        """The numbers where each face counts so many times; None where a class is left with nothing.

        Args:
            real_weights: in the order of `reals`.
            fake_weights: in the order of `fakes`.
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
        precision = true_positives / np.maximum(called_fake, 1)  # 0 / 0 only at fakes that weigh nothing
        return Ranked(auc, float(fake_weights @ precision) / n_fakes, self._eer(reals, fakes))

    def _eer(self, reals: Counts, fakes: Counts) -> float:
        """From the weight below each face, by bisection: the FPR falls and the share of missed fakes rises as the
        threshold rises."""
        n_reals, n_fakes = int(reals[-1]), int(fakes[-1])

        def rates(level: int) -> tuple[float, float]:
            """False-positive rate and share of false negatives with the threshold at a level, or above all."""
            if level == len(self._reals_below):
                return 0.0, 1.0
            false_positives = n_reals - int(reals[self._reals_below[level]])
            return false_positives / n_reals, int(fakes[self._fakes_below[level]]) / n_fakes

        low, high = 0, len(self._reals_below)
        while high - low > 1:
            middle = (low + high) // 2
            fpr, missed = rates(middle)
            low, high = (middle, high) if missed < fpr else (low, middle)
        (fpr, missed), (next_fpr, next_missed) = rates(low), rates(high)
        along = (fpr - missed) / ((next_missed - missed) + (fpr - next_fpr))
        return fpr + along * (next_fpr - fpr)
