"""Cross-generator matrix: the generators that each detector was trained on, and its metrics on each generator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

HEADINGS = ["detector", "trained_on", "measure", "worst_generator", "worst", "mean", "std"]
MEASURES = ("tpr", "auc")


def _value(metrics: Mapping[str, Any], generator: str, measure: str) -> float:
    """The TPR or AUC of a detector on a generator; NaN if it was not measured."""
    found = metrics["generators"].get(generator, {})
    value = found.get("tpr", {}).get("share") if measure == "tpr" else found.get("auc", {}).get("value")
    return float("nan") if value is None else float(value)


def matrix(detectors: Mapping[str, Any], cards: Mapping[str, Any]) -> pd.DataFrame:
    """Build the table with one row for each detector and measure, and one column for each generator.

    Args:
        detectors: metrics of each detector, from `evaluate`.
        cards: `detector.json` of each detector.

    Returns:
        Columns HEADINGS, then one column for each generator, the lowest mean TPR first. `trained_on` has the
        generators of the training and validation data, and nothing for a ready checkpoint. `measure` is `tpr`, at the
        frozen threshold, or `auc`, against the reals that the generator's sets are paired with. `mean` and `std` are
        over generators; `std` is that of the population (divided by n). Detectors are sorted by the TPR on their
        worst generator, best first.
    """
    names = sorted({name for metrics in detectors.values() for name in metrics["generators"]})
    values = {
        (detector, measure): np.asarray([_value(metrics, name, measure) for name in names])
        for detector, metrics in detectors.items()
        for measure in MEASURES
    }
    mean_tpr = [float(np.nanmean([values[detector, "tpr"][i] for detector in detectors])) for i in range(len(names))]
    columns = sorted(range(len(names)), key=lambda i: (mean_tpr[i], names[i]))
    rows: list[dict[str, Any]] = []
    for detector in sorted(detectors, key=lambda name: (-np.nanmin(values[name, "tpr"]), name)) if names else []:
        trained = cards[detector]["trained_on"]
        seen = sorted({name for split in trained.values() for name in split["generators"]})
        if cards[detector].get("calibrated_only"):  # what others have trained it on is not known
            seen = []
        for measure in MEASURES:
            found = values[detector, measure]
            if np.isnan(found).all():
                continue
            worst = int(np.nanargmin(found))
            rows.append(
                {
                    "detector": detector,
                    "trained_on": " + ".join(seen),
                    "measure": measure,
                    "worst_generator": names[worst],
                    "worst": found[worst],
                    "mean": np.nanmean(found),
                    "std": np.nanstd(found),
                    **{names[i]: found[i] for i in columns},
                }
            )
    return pd.DataFrame(rows, columns=[*HEADINGS, *(names[i] for i in columns)])
