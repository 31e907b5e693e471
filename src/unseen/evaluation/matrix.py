"""Train recipe x test generator: what each detector was trained on, and what it makes of each generator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

HEADINGS = ["detector", "trained_on", "measure", "worst_generator", "worst", "mean", "std"]
MEASURES = ("tpr", "auc")


def _value(metrics: Mapping[str, Any], generator: str, measure: str) -> float:
    """A measure of a detector on a generator; NaN where it was not taken."""
    found = metrics["generators"].get(generator, {})
    value = found.get("tpr", {}).get("share") if measure == "tpr" else found.get("auc")
    return float("nan") if value is None else float(value)


def matrix(detectors: Mapping[str, Any], cards: Mapping[str, Any]) -> pd.DataFrame:
    """One row a detector and measure, one column a generator.

    Args:
        detectors: metrics of each detector, from `evaluate`.
        cards: each detector's `detector.json`.

    Returns:
        Columns HEADINGS, and one for each generator, the one that detectors catch least of on the whole first.
        `trained_on` names the generators that training or validation had. `measure` is `tpr`, the share at the
        frozen threshold, or `auc`, against the reals that the generator's sets are paired with. `mean` and `std`
        (of these generators, not of a sample: divided by n) are over the generators. Detectors are sorted by the
        worst generator's share, best first.
    """
    names = sorted({name for metrics in detectors.values() for name in metrics["generators"]})
    values = {
        (detector, measure): np.asarray([_value(metrics, name, measure) for name in names])
        for detector, metrics in detectors.items()
        for measure in MEASURES
    }
    on_the_whole = [
        float(np.nanmean([values[detector, "tpr"][i] for detector in detectors])) for i in range(len(names))
    ]
    columns = sorted(range(len(names)), key=lambda i: (on_the_whole[i], names[i]))
    rows: list[dict[str, Any]] = []
    for detector in sorted(detectors, key=lambda name: (-np.nanmin(values[name, "tpr"]), name)) if names else []:
        trained = cards[detector]["trained_on"]
        seen = sorted({name for split in trained.values() for name in split["generators"]})
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
