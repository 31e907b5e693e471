"""Thresholds that keep the false positive rate (FPR) at or below a limit."""

import numpy as np
import numpy.typing as npt

FPRS = {"fpr_0_5": 0.005, "fpr_1": 0.01, "fpr_5": 0.05}
"""FPR limits as shares; the keys of cards and metrics name them in percent."""


def threshold_at(reals: npt.NDArray[np.float64], fpr: float) -> float:
    """The lowest threshold at which at most a share `fpr` of the reals are false positives.

    It is the next float above the highest real that is not a false positive. If `fpr` < 1 / n, it is above all reals.

    Args:
        reals: [n], n >= 1, scores or logits of real faces.
        fpr: in [0, 1).
    """
    allowed = int(np.sum(np.arange(1, len(reals) + 1) / len(reals) <= fpr))
    return float(np.nextafter(np.sort(reals)[::-1][allowed], np.inf))
