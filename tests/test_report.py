"""The tables and the page, from made-up metrics."""

from typing import Any

import pandas as pd

from unseen.report.pictures import roc_chart
from unseen.report.results import leaderboard


def pair(balanced: float, auc: float) -> dict[str, Any]:
    share = {"share": balanced, "low": 0.0, "high": 1.0, "n": 10}
    return {
        "balanced_accuracy": balanced,
        "auc": {"value": auc, "low": auc, "high": auc},
        "caught": share,
        "flagged": {**share, "share": 1 - balanced},
    }


def test_a_detector_is_judged_on_the_pair_it_does_worst_on() -> None:
    detectors = {
        "perfect_at_home": {"threshold": 0.5, "pairs": {"known": pair(1.0, 1.0), "unseen": pair(0.5, 0.9)}},
        "steady": {"threshold": 0.5, "pairs": {"known": pair(0.7, 0.8), "unseen": pair(0.6, 0.7)}},
    }
    found = leaderboard(detectors, {name: {"parameters": 1} for name in detectors})
    assert found["detector"].tolist() == ["steady", "perfect_at_home"]
    assert found["worst_pair"].tolist() == ["unseen", "unseen"]
    assert found["caught"].tolist() == [0.6, 0.5]


def test_the_chart_has_the_same_bytes_for_the_same_numbers() -> None:
    roc = pd.DataFrame({"pair": "p", "detector": ["a", "a", "b", "b"], "fpr": [0.0, 1.0] * 2, "tpr": [0.5, 1.0] * 2})
    first, second = roc_chart(roc, "p"), roc_chart(roc, "p")
    assert first == second
    assert first.startswith("<svg")
    assert "http://" not in first.replace("http://www.w3.org", "")
