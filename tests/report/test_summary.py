"""The numbers by which runs are compared: few, and DVC's only metrics."""

import json
from pathlib import Path
from typing import Any

import yaml

from unseen.report.summary import summary

ROOT = Path(__file__).resolve().parents[2]
GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


def detector(**balanced: float) -> dict[str, Any]:
    def pair(value: float) -> dict[str, Any]:
        return {
            "auc": {"value": 0.9, "low": 0.8, "high": 1.0, "seeds": {"4": 0.95, "5": 0.85}},
            "balanced_accuracy": value,
            "tpr": {"share": 0.5, "n": 30, "low": 0.4, "high": 0.6},
            "fpr": {"share": 0.1, "n": 12, "low": 0.0, "high": 0.2},
        }

    return {"pairs": {name: pair(value) for name, value in balanced.items()}}


def test_six_numbers_a_detector_and_pair_the_worst_pair_first() -> None:
    found = summary({"a": detector(easy=0.9, hard=0.6), "b": detector(easy=0.5, hard=0.7)})
    assert {name: list(pairs) for name, pairs in found.items()} == {"a": ["hard", "easy"], "b": ["easy", "hard"]}
    six = {"auc": 0.9, "auc_min": 0.85, "auc_max": 0.95, "balanced_accuracy": 0.6, "tpr": 0.5, "fpr": 0.1}
    assert found["a"]["hard"] == six


def test_the_summary_is_the_only_metrics_file() -> None:
    stages = {name: stage.get("do", stage) for name, stage in GRAPH["stages"].items()}
    found = {name: stage["metrics"] for name, stage in stages.items() if "metrics" in stage}
    assert found == {"summary": [{"metrics/summary.json": {"cache": False}}]}
    assert "metrics" not in GRAPH


def test_a_comparison_of_the_default_fits_a_screen() -> None:
    """`dvc metrics diff` has a line for each number that changed: here all of them, with its heading."""
    found = json.loads((ROOT / "metrics/summary.json").read_text(encoding="utf-8"))
    names = [f"{name}.{pair}.{key}" for name, pairs in found.items() for pair, six in pairs.items() for key in six]
    assert len(names) == 6 * 2 * 3
    assert len(names) + 2 <= 50
    assert max(len(f"metrics/summary.json  {name}  0.12345  0.12345  -0.12345") for name in names) <= 120
