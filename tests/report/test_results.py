"""What a run comes to: its leaderboard, its marks, and one line where a file is missing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_json
from unseen.report.baselines import marks
from unseen.report.leaderboard import LEADERBOARD, leaderboard
from unseen.report.results import Results, _tables, read_results, worst_generator

from .finished_run import SCORES


def pair(balanced: float, auc: float) -> dict[str, Any]:
    def around(value: float) -> dict[str, Any]:
        return {"low": value - 0.1, "high": value + 0.1, "seeds": {"4": value + 0.05, "5": value - 0.05}}

    return {
        "balanced_accuracy": balanced,
        "intervals": {"balanced_accuracy": around(balanced)},
        "auc": {"value": auc, **around(auc)},
        "tpr": {"share": balanced, **around(balanced), "n": 10},
        "fpr": {"share": 1 - balanced, **around(1 - balanced), "n": 10},
    }


def board(detectors: dict[str, dict[str, Any]], marked: dict[str, list[str]]) -> pd.DataFrame:
    metrics = {name: {"threshold": 0.5, "seeds": [4, 5], "pairs": pairs} for name, pairs in detectors.items()}
    return leaderboard(metrics, dict.fromkeys(detectors, 1), marked)


def test_a_detector_is_measured_on_the_pair_it_does_worst_on() -> None:
    detectors = {
        "perfect_at_home": {"known": pair(1.0, 1.0), "unseen": pair(0.5, 0.9)},
        "steady": {"known": pair(0.7, 0.8), "unseen": pair(0.6, 0.7)},
    }
    found = board(detectors, {"known": [], "unseen": []})
    assert list(found.columns) == LEADERBOARD
    assert found["detector"].tolist() == ["steady", "perfect_at_home"]
    assert found["worst_pair"].tolist() == ["unseen", "unseen"]
    assert found["tpr"].tolist() == [0.6, 0.5]
    assert found["auc_low"].tolist() == pytest.approx([0.6, 0.8])
    assert found["seeds"].tolist() == [2, 2]
    row = found.iloc[0]
    for name, mean in (("balanced_accuracy", 0.6), ("auc", 0.7), ("tpr", 0.6), ("fpr", 0.4)):
        assert row[[f"{name}_min", name, f"{name}_max"]].tolist() == pytest.approx([mean - 0.05, mean, mean + 0.05])


def test_of_equally_good_detectors_the_auc_decides_and_then_the_name() -> None:
    detectors = {name: {"one": pair(0.5, auc)} for name, auc in (("c", 0.7), ("b", 0.7), ("a", 0.6))}
    assert board(detectors, {"one": []})["detector"].tolist() == ["b", "c", "a"]


def test_a_detector_is_marked_where_its_worst_pair_is() -> None:
    detectors = {
        "a": {"clean": pair(0.9, 0.9), "spoiled": pair(0.8, 0.9)},
        "b": {"clean": pair(0.6, 0.9), "spoiled": pair(0.7, 0.9)},
    }
    found = board(detectors, {"clean": [], "spoiled": ["format", "tables"]})
    assert found["marked"].tolist() == ["format tables", ""]


def test_an_evaluated_pair_is_marked_by_the_audit_of_its_stored_sets(results: Results) -> None:
    assert results.audit["failed"] == []
    assert results.audit["pairs"]["orl / swaps"]["separated_by"] == ["metadata"]
    assert results.marks == {"known": [], "unseen": ["metadata"]}
    assert marks(results.params, {"pairs": {}}) == {"known": [], "unseen": []}, "a set of one face is not audited"


def test_results_are_what_the_stages_wrote(results: Results, root: Path) -> None:
    assert list(results.detectors) == list(results.cards) == list(SCORES)
    assert set(results.counts) == {"orl", "swaps", "gan"}
    assert results.selections["orl_test"] == read_json(root / "metrics/evaluation_sets.json")["orl_test"]
    assert list(results.roc.columns) == ["detector", "pair", "seed", "fpr", "tpr"]
    assert set(results.roc["detector"]) == set(SCORES)
    assert results.leaderboard["detector"].tolist() == ["efficientnet_lite0", "dct_logistic"]


def test_the_matrix_has_each_detector_and_each_generator(results: Results) -> None:
    tpr = results.matrix[results.matrix["measure"] == "tpr"].set_index("detector")
    assert set(tpr["trained_on"]) == {"dcgan"}
    for name in SCORES:
        assert tpr.loc[name, "dcgan"] == results.detectors[name]["generators"]["dcgan"]["tpr"]["share"]
    assert len(results.matrix.columns) == 9, "two generators"


def test_what_an_earlier_run_left_is_no_part_of_the_results(results: Results, root: Path) -> None:
    write_json(root / "metrics/detectors/gone.json", {})
    again = read_results(results.params, root / "metrics", root / "models")
    assert again.detectors == results.detectors


@pytest.mark.parametrize(
    "file",
    [
        "detectors/dct_logistic.json",
        "faces/orl.json",
        "fakes/gan.json",
        "evaluation_sets.json",
        "audit.json",
    ],
)
def test_a_file_that_is_missing_is_one_line(results: Results, root: Path, file: str) -> None:
    there, away = root / "metrics" / file, root / "away.json"
    there.rename(away)
    try:
        with pytest.raises(UserError, match=r"not found; run `dvc repro`") as caught:
            read_results(results.params, root / "metrics", root / "models")
    finally:
        away.rename(there)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tpr", "worst"),
    [
        ({"a": 0.5, "b": 0.4}, "b"),
        ({"a": 0.4, "b": 0.4}, "b"),
        ({"b": 0.4, "c": 0.4}, "b"),
        ({"a": 0.4}, "a"),
        ({}, ""),
    ],
)
def test_of_generators_caught_alike_the_one_that_trained_nothing_is_the_worst(
    results: Results, tpr: dict[str, float], worst: str
) -> None:
    generators = {name: {"tpr": {"share": share}} for name, share in tpr.items()}
    card = {"trained_on": {"train": {"generators": {"a": 100}}, "val": {"generators": {}}}}
    found = replace(results, detectors={"d": {"generators": generators}}, cards={"d": card})
    assert worst_generator(found, "d") == worst


def test_names_that_look_like_numbers_or_missing_values_are_names(tmp_path: Path) -> None:
    (tmp_path / "7.csv").write_text("pair,fpr,tpr\n007,0,0\nnan,1,\n", encoding="utf-8")
    found = _tables(tmp_path, ["7"], ["detector", "pair", "seed", "fpr", "tpr"])
    assert found["pair"].tolist() == ["007", "nan"]
    assert found["tpr"].isna().tolist() == [False, True]
