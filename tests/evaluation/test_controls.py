"""Identity twins are measured against their own reals, and are in no other number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseen.data.evaluation_sets import IDENTITY
from unseen.data.predictions import write_predictions
from unseen.evaluation.controls import TOLERANCE, labels_of
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.settings import EvaluationSettings

from .made_up import FROZEN, bell, columns

SETS = ["reals", "fakes"]


def write_controls(folder: Path, shift: float) -> None:
    """Twins of the first 30 of 40 reals, whose logits are those of their reals plus a shift."""
    logits = bell(-2, 40, 1)
    write_predictions(folder / "reals.parquet", [columns(0, logits, [f"s{i // 4}" for i in range(40)], "reals")])
    write_predictions(folder / "fakes.parquet", [columns(1, bell(2, 30, 2), None, "fakes")])
    twins = columns(1, logits[:30] + shift, [f"s{i // 4}" for i in range(30)], "control", IDENTITY)
    twins["attributes"] = [[("twin_of", f"reals/{i}")] for i in range(30)]
    write_predictions(folder / "control.parquet", [twins])


def measured(folder: Path, sets: list[str], pairs: dict[str, Any] | None = None) -> dict[str, Any]:
    settings = EvaluationSettings.model_validate({"pairs": pairs or {}, "resamples": 100})
    return evaluate(folder, sets, FROZEN, settings, 4).metrics


@pytest.mark.parametrize(("shift", "passed"), [(0.0, True), (1e-3, True), (1.5, False), (-1.5, False)])
def test_a_control_passes_if_its_auc_is_a_half(tmp_path: Path, shift: float, passed: bool) -> None:
    write_controls(tmp_path, shift)
    control = measured(tmp_path, [*SETS, "control"])["controls"]["control"]
    assert (control["n"], control["passed"]) == (30, passed)
    off = control["auc"]["value"] - 0.5
    assert abs(off) <= TOLERANCE if passed else np.sign(off) == np.sign(shift)
    assert set(control["auc"]["seeds"]) == {"4"}


def test_no_other_number_changes_with_a_control(tmp_path: Path) -> None:
    write_controls(tmp_path, 1.0)
    alone, beside = measured(tmp_path, SETS), measured(tmp_path, [*SETS, "control"])
    assert alone["controls"] == {}
    assert list(beside.pop("controls")) == ["control"]
    assert {**beside, "controls": {}} == alone
    assert list(alone["pairs"]) == ["fakes_vs_reals"]


def test_controls_without_their_reals_are_not_measured(tmp_path: Path) -> None:
    write_controls(tmp_path, 0.0)
    write_predictions(tmp_path / "others.parquet", [columns(0, bell(-2, 40, 3), None, "others")])
    assert measured(tmp_path, ["others", "fakes", "control"])["controls"] == {}


def test_a_control_has_no_label_for_pairs() -> None:
    class Stored:
        use = "held_out"

        def __init__(self, label: int, generator: str) -> None:
            self.label, self.generator = label, generator

        def index(self, splits: object, columns: object) -> dict[str, list[str]]:
            return {"generator": [self.generator]}

    stored: Any = {"orl": Stored(0, ""), "gan": Stored(1, "dcgan"), "control": Stored(1, IDENTITY)}
    assert labels_of(stored) == {"orl": "real", "gan": "fake"}
