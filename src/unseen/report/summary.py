"""Summary metrics for comparing runs with DVC."""

from collections.abc import Mapping
from typing import Any


def summary(detectors: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return six numbers for each detector and pair, worst pair first.

    These are `auc`, the mean over training seeds, and `auc_min` and `auc_max`, its range over them; and the means of
    `balanced_accuracy`, `tpr` and `fpr` at the frozen thresholds.

    Args:
        detectors: metrics of each detector, from `evaluate`.
    """
    return {
        name: {
            pair: {
                "auc": found["auc"]["value"],
                "auc_min": min(found["auc"]["seeds"].values()),
                "auc_max": max(found["auc"]["seeds"].values()),
                "balanced_accuracy": found["balanced_accuracy"],
                "tpr": found["tpr"]["share"],
                "fpr": found["fpr"]["share"],
            }
            for pair, found in sorted(
                metrics["pairs"].items(), key=lambda item: (item[1]["balanced_accuracy"], item[0])
            )
        }
        for name, metrics in detectors.items()
    }
