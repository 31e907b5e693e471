"""The few numbers by which runs are compared: DVC's metrics."""

from collections.abc import Mapping
from typing import Any


def summary(detectors: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """For each detector and pair, the worst pair first, six numbers.

    `auc` and `auc_low`, the lower bound of its 95 % interval; at the frozen threshold `balanced_accuracy`, `tpr` (the
    true positive rate) and `fpr` (the false positive rate); and `n`, reals and fakes together.

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
