"""Results of external predictions, for the page."""

from typing import Any

import pandas as pd

from unseen.evaluation.matrix import matrix
from unseen.evaluation.metrics import reliability_curves, roc_points
from unseen.evaluation.scored import Scored
from unseen.report.leaderboard import leaderboard
from unseen.report.results import RELIABILITY, ROC, Measured

PAIR = "all faces"
"""Name of the only pair: external predictions have no sets."""


def measured(name: str, predictions: pd.DataFrame, found: dict[str, Any]) -> Measured:
    """Compute the results that need only predictions.

    Args:
        name: shown as the name of the detector.
        predictions: from `read_all`.
        found: metrics of the predictions, from `external_metrics`.
    """
    scored = Scored.of(predictions)
    metrics = {
        "threshold": found["threshold"],
        "seeds": found["seeds"],
        "pairs": {PAIR: {"reals": "all reals", "fakes": "all fakes", **found}},
        "generators": {generator: {"tpr": share} for generator, share in found["generators"].items()},
        "sources": found["sources"],
    }
    detectors, marked = {name: metrics}, {PAIR: list[str]()}
    named = {"detector": name, "pair": PAIR}
    return Measured(
        detectors=detectors,
        roc=roc_points(scored).assign(**named)[ROC],
        reliability=reliability_curves(scored).assign(**named)[RELIABILITY],
        marks=marked,
        baselines={},
        leaderboard=leaderboard(detectors, {name: None}, marked),
        matrix=matrix(detectors, {name: {"trained_on": {}}}),
        folder="",
        warnings=found["warnings"],
    )
