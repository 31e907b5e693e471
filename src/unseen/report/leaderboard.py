"""The leaderboard: one row per detector, its metrics on its worst pair."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

LEADERBOARD = [
    "detector",
    "worst_pair",
    "balanced_accuracy",
    "balanced_accuracy_min",
    "balanced_accuracy_max",
    "auc",
    "auc_low",
    "auc_high",
    "auc_min",
    "auc_max",
    "tpr",
    "tpr_min",
    "tpr_max",
    "fpr",
    "fpr_min",
    "fpr_max",
    "seeds",
    "threshold",
    "parameters",
    "marked",
]
"""Columns of the leaderboard. Metrics are means over training seeds, and `seeds` is the number of these. `_min` and
`_max` are the range over them, `_low` and `_high` the ends of the 95 % interval. `threshold` is of the first one."""


def _ranged(name: str, found: Mapping[str, Any]) -> dict[str, float]:
    """Return `value` and its range over training seeds as columns of the leaderboard."""
    seeds = found["seeds"].values()
    return {name: found["value"], f"{name}_min": min(seeds), f"{name}_max": max(seeds)}


def leaderboard(
    detectors: Mapping[str, Any], parameters: Mapping[str, int | None], marked: Mapping[str, list[str]]
) -> pd.DataFrame:
    """Return one row per detector: its metrics on the pair with its lowest mean balanced accuracy at the thresholds.

    Args:
        detectors: metrics of each detector, from `evaluate`.
        parameters: number of parameters of each detector.
        marked: for each pair, its marks.
    """
    rows = []
    for name, metrics in detectors.items():
        worst, pair = min(metrics["pairs"].items(), key=lambda item: (item[1]["balanced_accuracy"], item[0]))
        balanced = {"value": pair["balanced_accuracy"], **pair["intervals"]["balanced_accuracy"]}
        rows.append(
            {
                "detector": name,
                "worst_pair": worst,
                **_ranged("balanced_accuracy", balanced),
                **_ranged("auc", pair["auc"]),
                "auc_low": pair["auc"]["low"],
                "auc_high": pair["auc"]["high"],
                **_ranged("tpr", {"value": pair["tpr"]["share"], **pair["tpr"]}),
                **_ranged("fpr", {"value": pair["fpr"]["share"], **pair["fpr"]}),
                "seeds": len(metrics["seeds"]),
                "threshold": metrics["threshold"],
                "parameters": parameters[name],
                "marked": " ".join(marked.get(worst, [])),
            }
        )
    order = ["balanced_accuracy", "auc", "detector"]
    return pd.DataFrame(rows, columns=LEADERBOARD).sort_values(
        order, ascending=[False, False, True], ignore_index=True
    )
