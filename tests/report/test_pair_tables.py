"""The table of fakes of another training of the same generator."""

from types import SimpleNamespace
from typing import Any, cast

from unseen.report.pair_tables import other_trainings
from unseen.report.results import Measured

RESULTS = cast(Measured, SimpleNamespace(folder="metrics/detectors"))


def metrics(other: dict[str, Any]) -> dict[str, Any]:
    return {"tpr": {"share": 0.9, "seeds": {"0": 0.8, "1": 1.0}}, "other_trainings": other}


def test_own_and_other_trainings_stand_side_by_side() -> None:
    other = {
        "tpr": {"value": 0.25, "seeds": {"0": 0.2, "1": 0.3}},
        "auc": {"value": 0.75, "seeds": {"0": 0.7, "1": 0.8}},
    }
    (table,) = other_trainings({"a": metrics(other), "b": metrics({})}, RESULTS)
    ((name, own, others, auc),) = table.rows
    assert [name.text, own.text, others.text, auc.text] == ["a", "90.0%", "25.0%", "0.750"]
    assert "20.0" in others.note
    assert "30.0" in others.note


def test_a_pair_without_other_trainings_has_no_such_table() -> None:
    assert other_trainings({"a": metrics({})}, RESULTS) == []
