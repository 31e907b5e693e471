"""Shares with intervals, of a set or of its parts."""

import pandas as pd
from scipy.stats import binomtest


def share(hits: int, n: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval (Wilson 1927)."""
    interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
    return {"share": hits / n, "low": float(interval.low), "high": float(interval.high), "n": n}


def rate_above(predictions: pd.DataFrame, threshold: float) -> dict[str, float]:
    """The share of a set with scores at or above the threshold: the TPR of fakes, the FPR of reals."""
    return share(int((predictions["score"] >= threshold).sum()), len(predictions))


def rates_above(predictions: pd.DataFrame, column: str, threshold: float) -> dict[str, dict[str, float]]:
    """`rate_above` for each value of a column, for instance each generator, in alphabetical order."""
    return {str(name): rate_above(part, threshold) for name, part in predictions.groupby(column, sort=True)}
