"""Predictions on every evaluation set become the metrics of one detector."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unseen.errors import UserError
from unseen.evaluation.evaluate import evaluate, summary
from unseen.evaluation.metrics import pair_metrics, roc_points
from unseen.evaluation.predictions import read_predictions, write_predictions
from unseen.evaluation.settings import EvaluationSettings, pairs_of

from .made_up import bell, columns

SETS = ["reals", "known", "unseen"]
PAIRS = {"known": ("reals", "known"), "unseen": ("reals", "unseen")}


def settings(pairs: dict[str, tuple[str, str]]) -> EvaluationSettings:
    named = {name: {"reals": reals, "fakes": fakes} for name, (reals, fakes) in pairs.items()}
    return EvaluationSettings.model_validate({"pairs": named, "resamples": 100})


def evaluated(folder: Path, pairs: dict[str, tuple[str, str]], sets: list[str], seed: int = 4) -> Any:
    found = evaluate(folder, sets, 0.5, (0.4, 0.6), settings(pairs), seed)
    return found.metrics, found.roc


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Predictions on two sets of fakes, the second of which is hard to tell from the reals."""
    people = [f"s{i // 4}" for i in range(40)]
    write_predictions(tmp_path / "reals.parquet", [columns(0, bell(-2, 40, 1), people, "reals")])
    write_predictions(tmp_path / "known.parquet", [columns(1, bell(2, 30, 2), None, "known", "dcgan")])
    write_predictions(tmp_path / "unseen.parquet", [columns(1, bell(-1.5, 30, 3), None, "unseen", "other")])
    return tmp_path


def test_evaluate_over_a_folder_of_predictions(folder: Path) -> None:
    metrics, curves = evaluated(folder, PAIRS, SETS)
    assert metrics["threshold"] == 0.5
    assert list(metrics["sets"]) == SETS
    reals = metrics["sets"]["reals"]
    assert (reals["label"], reals["generators"], reals["people"]) == ("real", [], 10)
    assert metrics["sets"]["known"]["generators"] == ["dcgan"]
    known, unseen = metrics["pairs"]["known"], metrics["pairs"]["unseen"]
    assert (known["reals"], known["fakes"]) == ("reals", "known")
    assert known["auc"]["value"] > 0.98 > 0.8 > unseen["auc"]["value"]
    assert known["caught"] == metrics["sets"]["known"]["called_fake"]
    assert known["flagged"] == unseen["flagged"] == reals["called_fake"]
    assert metrics["worst"] == {
        "auc": unseen["auc"]["value"],
        "caught": unseen["caught"]["share"],
        "flagged": reals["called_fake"]["share"],
    }
    assert list(curves.columns) == ["pair", "fpr", "tpr"]
    assert list(curves["pair"].unique()) == ["known", "unseen"]


def test_a_pair_is_measured_as_its_two_sets_alone(folder: Path) -> None:
    metrics, curves = evaluated(folder, PAIRS, SETS)
    reals, unseen = (read_predictions(folder / f"{name}.parquet") for name in ("reals", "unseen"))
    assert metrics["pairs"]["unseen"] == {
        "reals": "reals",
        "fakes": "unseen",
        **pair_metrics(reals, unseen, 0.5, 100, 4),
    }
    assert (
        curves[curves["pair"] == "unseen"][["fpr", "tpr"]].to_numpy().tolist() == roc_points(reals, unseen).tolist()
    )


def test_where_no_pair_is_stated_every_set_of_reals_meets_every_set_of_fakes(folder: Path) -> None:
    write_predictions(folder / "chicago.parquet", [columns(0, bell(-3, 20, 5), None, "chicago")])
    metrics, curves = evaluated(folder, {}, [*SETS, "chicago"])
    pairs = {"known_vs_reals", "unseen_vs_reals", "known_vs_chicago", "unseen_vs_chicago"}
    assert set(metrics["pairs"]) == set(curves["pair"]) == pairs
    assert metrics["pairs"]["unseen_vs_chicago"]["reals"] == "chicago"
    assert metrics["pairs"]["unseen_vs_chicago"]["fakes"] == "unseen"


def test_stated_pairs_are_the_only_ones() -> None:
    stated = settings({"mine": ("a", "b")}).pairs
    assert pairs_of(stated, {"a": "real", "b": "fake", "c": "fake"}) == stated


def test_a_set_in_no_pair_is_measured_all_the_same(folder: Path) -> None:
    metrics, _ = evaluated(folder, {"known": ("reals", "known")}, SETS)
    assert set(metrics["sets"]) == set(SETS)
    assert metrics["worst"]["auc"] == metrics["pairs"]["known"]["auc"]["value"]


def test_the_share_of_unsure_faces_counts_the_bands_edges(tmp_path: Path) -> None:
    write_predictions(tmp_path / "reals.parquet", [columns(0, [-2.0, 0.0, 0.2, 2.0], None, "reals")])
    write_predictions(tmp_path / "fakes.parquet", [columns(1, [0.0, 3.0], None, "fakes")])
    band = (0.5, float(1 / (1 + np.exp(-0.2))))
    metrics = evaluate(tmp_path, ["reals", "fakes"], 0.5, band, settings({"pair": ("reals", "fakes")}), 4).metrics
    assert metrics["sets"]["reals"]["unsure"] == 0.5
    assert metrics["sets"]["fakes"]["unsure"] == 0.5


def test_evaluate_twice_is_the_same_and_another_seed_moves_the_intervals_alone(folder: Path) -> None:
    first, second, other = (evaluated(folder, PAIRS, SETS, seed) for seed in (4, 4, 5))
    assert first[0] == second[0]
    pd.testing.assert_frame_equal(first[1], second[1])
    assert other[0]["sets"] == first[0]["sets"]
    assert other[0]["worst"] == first[0]["worst"]
    assert other[0]["pairs"]["unseen"]["auc"]["low"] != first[0]["pairs"]["unseen"]["auc"]["low"]


def test_summary_keeps_fakes_and_reals_apart(folder: Path) -> None:
    metrics, _ = evaluated(folder, PAIRS, SETS)
    found = summary(metrics)
    assert set(found["caught"]) == {"known", "unseen"}
    assert found["flagged"] == {"reals": {**metrics["sets"]["reals"]["called_fake"], "generators": []}}
    assert found["caught"]["known"] == {**metrics["pairs"]["known"]["caught"], "generators": ["dcgan"]}


def test_missing_predictions_are_one_line_that_names_the_file(folder: Path) -> None:
    with pytest.raises(UserError, match=r"other\.parquet: no predictions; run `dvc repro`") as error:
        evaluated(folder, PAIRS, [*SETS, "other"])
    assert "\n" not in str(error.value)
