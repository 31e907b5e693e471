"""Which threshold keeps the FPR at or below a share."""

import numpy as np
import numpy.typing as npt

FPRS = {"fpr_0_5": 0.005, "fpr_1": 0.01, "fpr_5": 0.05}
"""The shares of reals, by the name that cards and metrics have for them, in percent."""


def threshold_at(reals: npt.NDArray[np.float64], fpr: float) -> float:
    """The lowest threshold that at most a share `fpr` of some reals reach.

    It lies one float above the highest real that may not reach it; where `fpr` is less than one of n, above all.

    Args:
        reals: [n], scores or logits of real faces, at least one.
        fpr: in [0, 1).
    """
    allowed = int(np.sum(np.arange(1, len(reals) + 1) / len(reals) <= fpr))
    return float(np.nextafter(np.sort(reals)[::-1][allowed], np.inf))
