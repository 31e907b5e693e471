"""One detector's predictions on every evaluation set, as metrics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from unseen.evaluation.metrics import flagged, pair_metrics, roc_points
from unseen.evaluation.predictions import read_predictions
from unseen.evaluation.settings import EvaluationSettings, pairs_of


def evaluate(
    folder: Path,
    names: Sequence[str],
    threshold: float,
    unsure: tuple[float, float],
    settings: EvaluationSettings,
    seed: int,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Metrics of one detector from its predictions and its frozen numbers.

    Args:
        folder: holds one Parquet file of predictions for each evaluation set.
        names: the evaluation sets.
        threshold: frozen, on the score.
        unsure: the frozen band of scores.
        settings: pairs and bootstrap.
        seed: of the bootstrap.

    Returns:
        The metrics: `threshold`, `sets` (each set's share that is called fake or unsure), `pairs`, and `worst`, the
        lowest over the pairs; and a table of ROC points with columns pair, fpr, tpr.
    """
    predictions = {name: read_predictions(folder / f"{name}.parquet") for name in names}
    labels = {name: "fake" if frame["label"].iloc[0] else "real" for name, frame in predictions.items()}
    sets = {}
    for name, frame in predictions.items():
        between = frame["score"].between(*unsure)
        sets[name] = {
            "label": labels[name],
            "generators": sorted(set(frame["generator"]) - {""}),
            "called_fake": flagged(frame, threshold),
            "unsure": float(between.mean()),
            "people": int(frame["identity"].nunique()),
        }
    pairs, curves = {}, []
    for name, pair in pairs_of(settings.pairs, labels).items():
        reals, fakes = predictions[pair.reals], predictions[pair.fakes]
        pairs[name] = {
            "reals": pair.reals,
            "fakes": pair.fakes,
            **pair_metrics(reals, fakes, threshold, settings.resamples, seed),
        }
        curves.append(pd.DataFrame(roc_points(reals, fakes), columns=["fpr", "tpr"]).assign(pair=name))
    worst = {
        "auc": min(pair["auc"]["value"] for pair in pairs.values()),
        "caught": min(pair["caught"]["share"] for pair in pairs.values()),
        "flagged": max(pair["flagged"]["share"] for pair in pairs.values()),
    }
    metrics = {"threshold": threshold, "sets": sets, "pairs": pairs, "worst": worst}
    return metrics, pd.concat(curves, ignore_index=True)[["pair", "fpr", "tpr"]]


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """What `unseen predict` says of a detector: the share of each set that it calls fake."""
    called: dict[str, dict[str, Any]] = {"fake": {}, "real": {}}
    for name, one in metrics["sets"].items():
        called[one["label"]][name] = {**one["called_fake"], "generators": one["generators"]}
    return {"caught": called["fake"], "flagged": called["real"]}
