"""Metrics as functions of predictions."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from unseen.splits import unit_interval


def share(hits: int, n: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval (Wilson 1927)."""
    interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
    return {"share": hits / n, "low": float(interval.low), "high": float(interval.high), "n": n}


def flagged(predictions: pd.DataFrame, threshold: float) -> dict[str, float]:
    """The share of a set that reaches the threshold: of fakes, those caught; of reals, those wrongly flagged."""
    return share(int((predictions["score"] >= threshold).sum()), len(predictions))


def auc_interval(both: pd.DataFrame, resamples: int, seed: int) -> tuple[float, float]:
    """95 % interval of the AUC over people drawn with replacement, not pictures: ten pictures of one person
    are not ten independent ones. A resample that lost a class is left out."""
    random = np.random.default_rng(int(unit_interval("bootstrap", seed) * 2**53))
    codes, people = pd.factorize(both["identity"])
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(people) + 1))
    labels, scores = both["label"].to_numpy(), both["logit"].to_numpy()
    found = []
    for _ in range(resamples):
        drawn = random.integers(len(people), size=len(people))
        rows = np.concatenate([order[starts[person] : starts[person + 1]] for person in drawn])
        if 0 < labels[rows].sum() < len(rows):
            found.append(roc_auc_score(labels[rows], scores[rows]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def pair_metrics(
    reals: pd.DataFrame, fakes: pd.DataFrame, threshold: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Everything about one detector on one pair of sets, at its frozen threshold.

    Args:
        reals: predictions on real faces.
        fakes: predictions on fakes.
        threshold: frozen on validation data, on the score.
        resamples: of people, for the AUC's interval.
        seed: of the bootstrap.

    Returns:
        `auc` with interval, `average_precision`, `accuracy`, `balanced_accuracy`, `caught` (share of fakes)
        and `flagged` (share of reals) with intervals and n, `log_loss` with both classes weighing the same.
    """
    both = pd.concat([reals, fakes], ignore_index=True)
    labels, logits = both["label"].to_numpy(), both["logit"].to_numpy()
    said_fake = both["score"].to_numpy() >= threshold
    low, high = auc_interval(both, resamples, seed)
    caught, wrongly = flagged(fakes, threshold), flagged(reals, threshold)
    # A saturated score of exactly 0 or 1 would make one mistake infinite.
    scores = np.clip(both["score"].to_numpy(), 1e-12, 1 - 1e-12)
    losses = -np.log(np.where(labels == 1, scores, 1 - scores))
    return {
        "auc": {"value": float(roc_auc_score(labels, logits)), "low": low, "high": high},
        "average_precision": float(average_precision_score(labels, logits)),
        "accuracy": float(np.mean(said_fake == (labels == 1))),
        "balanced_accuracy": (caught["share"] + 1 - wrongly["share"]) / 2,
        "caught": caught,
        "flagged": wrongly,
        "log_loss": float((losses[labels == 0].mean() + losses[labels == 1].mean()) / 2),
    }


def roc_points(reals: pd.DataFrame, fakes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The ROC curve as [points, 2]: false-positive and true-positive rate, corners only."""
    both = pd.concat([reals, fakes], ignore_index=True)
    fpr, tpr, _ = roc_curve(both["label"], both["logit"])
    return np.stack([fpr, tpr], 1)
