"""Summary metrics for comparing runs with DVC."""

from collections.abc import Mapping
from typing import Any


def summary(detectors: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return six numbers for each detector and pair, worst pair first.

    These are `auc` and `auc_low`, the lower bound of its 95 % interval; `balanced_accuracy`, `tpr` and `fpr` at the
    frozen threshold; and `n`, the number of reals and fakes.

    Args:
        detectors: metrics of each detector, from `evaluate`.
    """
    return {
        name: {
            pair: {
                "auc": found["auc"]["value"],
                "auc_low": found["auc"]["low"],
                "balanced_accuracy": found["balanced_accuracy"],
                "tpr": found["tpr"]["share"],
                "fpr": found["fpr"]["share"],
                "n": found["tpr"]["n"] + found["fpr"]["n"],
            }
            for pair, found in sorted(
                metrics["pairs"].items(), key=lambda item: (item[1]["balanced_accuracy"], item[0])
            )
        }
        for name, metrics in detectors.items()
    }
