"""Results of external predictions, for the page."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from unseen.evaluation.matrix import matrix
from unseen.evaluation.metrics import LabelledScores
from unseen.evaluation.reliability import reliability
from unseen.report.results import RELIABILITY, Measured, leaderboard

PAIR = "all faces"
"""Name of the only pair: external predictions have no sets."""


def _curves(scored: LabelledScores) -> pd.DataFrame:
    """Return the reliability curves after and, if there are logits, before temperature scaling."""
    found = {"after": scored.scores} | ({} if scored.raw is None else {"before": scored.raw})
    curves = [reliability(scored.labels, scores).assign(temperature=when) for when, scores in found.items()]
    return pd.concat(curves, ignore_index=True)


def measured(name: str, predictions: pd.DataFrame, found: dict[str, Any]) -> Measured:
    """Compute the results that need only predictions.

    Args:
        name: shown as the name of the detector.
        predictions: from `read_all`.
        found: metrics of the predictions, from `external_metrics`.
    """
    scored = LabelledScores.of(predictions)
    fpr, tpr, _ = roc_curve(scored.labels, scored.values)
    metrics = {
        "threshold": found["threshold"],
        "pairs": {PAIR: {"reals": "all reals", "fakes": "all fakes", **found}},
        "generators": {generator: {"tpr": share} for generator, share in found["generators"].items()},
        "sources": found["sources"],
    }
    detectors, marked = {name: metrics}, {PAIR: list[str]()}
    curves = _curves(scored).assign(detector=name, pair=PAIR)
    return Measured(
        detectors=detectors,
        roc=pd.DataFrame({"detector": name, "pair": PAIR, "fpr": np.asarray(fpr), "tpr": np.asarray(tpr)}),
        reliability=curves[RELIABILITY],
        marks=marked,
        baselines={},
        leaderboard=leaderboard(detectors, {name: None}, marked),
        matrix=matrix(detectors, {name: {"trained_on": {}}}),
        folder="",
        warnings=found["warnings"],
    )
