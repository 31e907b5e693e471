"""Shares with their intervals, of a set or of each part of it."""

import pandas as pd
from scipy.stats import binomtest


def share(hits: int, n: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval (Wilson 1927)."""
    interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
    return {"share": hits / n, "low": float(interval.low), "high": float(interval.high), "n": n}


def rate_above(predictions: pd.DataFrame, threshold: float) -> dict[str, float]:
    """The share of a set that reaches the threshold: the TPR of fakes, the FPR of reals."""
    return share(int((predictions["score"] >= threshold).sum()), len(predictions))


def rates_above(predictions: pd.DataFrame, column: str, threshold: float) -> dict[str, dict[str, float]]:
    """The same for each value of a column, for instance each generator, in the order of their names."""
    return {str(name): rate_above(part, threshold) for name, part in predictions.groupby(column, sort=True)}
