"""Calibration of scores: squared error, log loss, calibration error and the reliability curve."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

BINS = 15
"""Bins of the score, of equal width, as in Guo et al. 2017, arXiv 1706.04599."""

SURE = 1e-12
"""Scores are clipped to [SURE, 1 - SURE], since one wrong score of exactly 0 or 1 makes the log loss infinite."""


def squared_errors(labels: Labels, scores: Floats) -> Floats:
    """(score - label)^2 of each face, [n]; their mean is the Brier score."""
    return np.asarray((scores - labels) ** 2)


def log_losses(labels: Labels, scores: Floats) -> Floats:
    """The negative log of the predicted probability of the true class, [n]."""
    clipped = np.clip(scores, SURE, 1 - SURE)
    return np.asarray(-np.log(np.where(labels == 1, clipped, 1 - clipped)))


def reliability(labels: Labels, scores: Floats) -> pd.DataFrame:
    """Compute the reliability curve.

    Returns:
        One row for each bin with faces. Columns: `low` (exclusive) and `high` (inclusive), the bin's edges; `n`;
        `predicted`, the mean score; and `observed`, the share of fakes.
    """
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], scores)
    n = np.bincount(place, minlength=BINS)
    sums = [np.bincount(place, values, minlength=BINS) for values in (scores, labels)]
    there = n > 0
    predicted, observed = (values[there] / n[there] for values in sums)
    low, high = edges[:-1][there], edges[1:][there]
    return pd.DataFrame({"low": low, "high": high, "n": n[there], "predicted": predicted, "observed": observed})


def probability_errors(labels: Labels, scores: Floats) -> dict[str, float]:
    """`mse`, `rmse`, `log_loss` and `ece`, with equal weights for all faces.

    ECE is the mean of |`observed` - `predicted`| over bins, weighted by their number of faces.
    """
    curve = reliability(labels, scores)
    mse = float(squared_errors(labels, scores).mean())
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "log_loss": float(log_losses(labels, scores).mean()),
        "ece": float(np.average((curve["observed"] - curve["predicted"]).abs(), weights=curve["n"])),
    }
