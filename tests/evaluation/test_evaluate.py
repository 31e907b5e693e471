"""Predictions on every evaluation set become the metrics of one detector."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unseen.core.errors import UserError
from unseen.data.evaluation_sets import Pair, pairs_of
from unseen.data.predictions import read_predictions, write_predictions
from unseen.evaluation.evaluate import evaluate, evaluation_summary
from unseen.evaluation.metrics import roc_points
from unseen.evaluation.scored import Frozen, Scored, trainings_of
from unseen.evaluation.settings import EvaluationSettings

from .made_up import FROZEN, bell, columns, measured, share

SETS = ["reals", "known", "unseen"]
PAIRS = {"known": ("reals", "known"), "unseen": ("reals", "unseen")}


def settings(pairs: dict[str, tuple[str, str]], groups: list[str] | None = None) -> EvaluationSettings:
    named = {name: {"reals": reals, "fakes": fakes, "matched": True} for name, (reals, fakes) in pairs.items()}
    return EvaluationSettings.model_validate({"pairs": named, "groups": groups or [], "resamples": 100})


def evaluated(folder: Path, pairs: dict[str, tuple[str, str]], sets: list[str], seed: int = 4) -> Any:
    found = evaluate(folder, sets, FROZEN, settings(pairs), seed)
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
    assert known["tpr"] == metrics["sets"]["known"]["called_fake"]
    assert known["fpr"] == unseen["fpr"] == reals["called_fake"]
    assert metrics["worst"] == {
        "auc": {"pair": "unseen", **unseen["auc"]},
        "tpr": {"pair": "unseen", **unseen["tpr"]},
        "fpr": {"pair": "known", **reals["called_fake"]},
    }
    assert list(curves.columns) == ["pair", "seed", "fpr", "tpr"]
    assert list(curves["pair"].unique()) == ["known", "unseen"]


def test_a_pair_is_measured_as_its_two_sets_alone(folder: Path) -> None:
    metrics, curves = evaluated(folder, PAIRS, SETS)
    reals, unseen = (read_predictions(folder / f"{name}.parquet") for name in ("reals", "unseen"))
    assert metrics["pairs"]["unseen"] == {
        "reals": "reals",
        "fakes": "unseen",
        "matched": True,
        **measured(reals, unseen),
        "by_generator_seed": {},
        "other_trainings": {},
    }
    points = roc_points(Scored.joined([Scored.of(reals), Scored.of(unseen)]))
    assert curves[curves["pair"] == "unseen"].drop(columns="pair").to_numpy().tolist() == points.to_numpy().tolist()


def test_each_generator_and_each_source_has_its_share(folder: Path) -> None:
    rows = columns(1, [-3.0, 4.0, 5.0, 6.0], None, "mixed")
    rows["generator"] = ["dcgan", "dcgan", "other", "third"]
    write_predictions(folder / "mixed.parquet", [rows])
    metrics, _ = evaluated(folder, {**PAIRS, "mixed": ("reals", "mixed")}, [*SETS, "mixed"])
    generators = metrics["generators"]
    assert list(generators) == ["dcgan", "other", "third"]
    assert [one["tpr"]["n"] for one in generators.values()] == [32, 31, 1]
    assert generators["dcgan"]["sets"] == ["known", "mixed"]
    assert generators["third"]["tpr"]["share"] == generators["third"]["auc"]["value"] == 1.0
    assert (
        generators["dcgan"]["auc"]["low"] < generators["dcgan"]["auc"]["value"] < generators["dcgan"]["auc"]["high"]
    )
    alone, _ = evaluated(folder, PAIRS, SETS)
    assert alone["generators"]["dcgan"]["auc"] == alone["pairs"]["known"]["auc"]
    assert metrics["sources"] == {"reals": metrics["sets"]["reals"]["called_fake"]}


def test_a_face_that_is_in_two_sets_counts_once_for_its_generator(folder: Path) -> None:
    (folder / "again.parquet").write_bytes((folder / "known.parquet").read_bytes())
    metrics, _ = evaluated(folder, PAIRS, [*SETS, "again"])
    assert metrics["generators"]["dcgan"]["tpr"]["n"] == 30
    assert metrics["generators"]["dcgan"]["sets"] == ["known", "again"]


def test_a_generator_in_no_pair_has_a_share_and_no_auc(folder: Path) -> None:
    metrics, _ = evaluated(folder, {"known": ("reals", "known")}, SETS)
    assert "auc" not in metrics["generators"]["other"]
    assert metrics["generators"]["other"]["tpr"] == metrics["sets"]["unseen"]["called_fake"]


def test_the_reliability_curves_are_before_and_after_the_temperature(folder: Path) -> None:
    rows = columns(1, bell(2, 30, 2), None, "known", "dcgan")
    rows["score"] = [0.75] * 30
    write_predictions(folder / "known.parquet", [rows])
    found = evaluate(folder, SETS, FROZEN, settings(PAIRS), 4).reliability
    assert list(found.columns) == ["pair", "seed", "temperature", "low", "high", "n", "predicted", "observed"]
    known = found[found["pair"] == "known"]
    assert known.groupby("temperature")["n"].sum().tolist() == [70, 70]
    inside = known[(known["temperature"] == "after") & (known["low"] < 0.75) & (known["high"] >= 0.75)]
    assert inside["n"].item() >= 30


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


def test_nobody_has_said_of_a_pair_that_was_not_stated_that_it_matches() -> None:
    assert pairs_of({}, {"a": "real", "b": "fake"}) == {"b_vs_a": Pair(reals="a", fakes="b", matched=False)}


def test_pooled_is_every_real_against_every_fake_each_once(folder: Path) -> None:
    write_predictions(folder / "chicago.parquet", [columns(0, bell(-3, 20, 5), None, "chicago")])
    (folder / "again.parquet").write_bytes((folder / "known.parquet").read_bytes())
    sets = [*SETS, "chicago", "again"]
    pooled = evaluated(folder, PAIRS, sets)[0]["pooled"]
    assert (pooled["reals"], pooled["fakes"]) == ("reals + chicago", "known + unseen + again")
    parts = {name: read_predictions(folder / f"{name}.parquet") for name in sets}
    reals, fakes = pd.concat([parts["reals"], parts["chicago"]]), pd.concat([parts["known"], parts["unseen"]])
    assert sum(pooled["confusion"].values()) == 40 + 20 + 30 + 30
    above = np.greater.outer(fakes["logit"].to_numpy(), reals["logit"].to_numpy())
    assert pooled["auc"]["value"] == pytest.approx(above.mean(), abs=1e-12)
    assert pooled == {"reals": pooled["reals"], "fakes": pooled["fakes"], **measured(reals, fakes)}


@pytest.fixture
def grouped(folder: Path) -> Path:
    """40 reals, of which 30 are women, and fakes of 10 men; the fakes of the other generator are of nobody."""
    reals = columns(0, [1.0] * 6 + [-1.0] * 24 + [1.0] * 5 + [-1.0] * 5, None, "reals")
    reals["attributes"] = [[("gender", "f")]] * 30 + [[("gender", "m"), ("age", "old")]] * 10
    known = columns(1, [1.0] * 9 + [-1.0], None, "known", "dcgan")
    known["attributes"] = [[("gender", "m")]] * 10
    write_predictions(folder / "reals.parquet", [reals])
    write_predictions(folder / "known.parquet", [known])
    write_predictions(folder / "nobody.parquet", [columns(0, bell(-2, 20, 1), None, "nobody")])
    return folder


def test_rates_by_group_in_each_pair_that_knows_them(grouped: Path) -> None:
    pairs = {**PAIRS, "nobody": ("nobody", "unseen")}
    found = evaluate(grouped, [*SETS, "nobody"], FROZEN, settings(pairs, ["gender"]), 4).metrics
    assert found["groups_without"] == ["nobody"]
    assert set(found["groups"]) == {"known", "unseen"}
    gender = found["groups"]["known"]["gender"]
    assert (gender["groups"]["f"]["fpr"], gender["groups"]["f"]["tpr"]) == (share(6, 30), None)
    assert gender["groups"]["f"]["fpr"]["share"] == 0.2
    assert (gender["groups"]["m"]["fpr"]["share"], gender["groups"]["m"]["tpr"]["share"]) == (0.5, 0.9)
    assert gender["without"] == 0
    assert found["groups"]["unseen"]["gender"]["without"] == 30
    assert found["groups"]["unseen"]["gender"]["groups"]["m"]["tpr"] is None


def test_a_pair_is_grouped_by_those_attributes_that_it_has(grouped: Path) -> None:
    known = columns(1, [1.0] * 10, None, "unseen", "other")
    known["attributes"] = [[("race", "w")]] * 10
    write_predictions(grouped / "unseen.parquet", [known])
    pairs = {**PAIRS, "nobody": ("nobody", "unseen")}
    asked = settings(pairs, ["gender", "race"])
    groups = evaluate(grouped, [*SETS, "nobody"], FROZEN, asked, 4).metrics["groups"]
    assert {name: list(found) for name, found in groups.items()} == {
        "known": ["gender"],
        "unseen": ["gender", "race", "gender x race"],
        "nobody": ["race"],
    }


def test_where_no_groups_are_asked_for_none_are_shown(folder: Path) -> None:
    metrics, _ = evaluated(folder, PAIRS, SETS)
    assert (metrics["groups"], metrics["groups_without"]) == ({}, [])


def test_groups_that_no_face_is_in_are_one_line(grouped: Path) -> None:
    with pytest.raises(UserError) as caught:
        evaluate(grouped, SETS, FROZEN, settings(PAIRS, ["gendr"]), 4)
    assert str(caught.value) == (
        "`evaluation.groups` names 'gendr', but no face of any pair has it; "
        "allowed: age, gender; did you mean `gender`?"
    )


def test_a_set_in_no_pair_is_measured_all_the_same(folder: Path) -> None:
    metrics, _ = evaluated(folder, {"known": ("reals", "known")}, SETS)
    assert set(metrics["sets"]) == set(SETS)
    assert metrics["worst"]["auc"] == {"pair": "known", **metrics["pairs"]["known"]["auc"]}


def test_the_share_of_unsure_faces_counts_the_bands_edges(tmp_path: Path) -> None:
    write_predictions(tmp_path / "reals.parquet", [columns(0, [-2.0, 0.0, 0.2, 2.0], None, "reals")])
    write_predictions(tmp_path / "fakes.parquet", [columns(1, [0.0, 3.0], None, "fakes")])
    band = (0.5, float(1 / (1 + np.exp(-0.2))))
    frozen = {4: Frozen(0.5, band)}
    metrics = evaluate(tmp_path, ["reals", "fakes"], frozen, settings({"pair": ("reals", "fakes")}), 4).metrics
    assert metrics["sets"]["reals"]["unsure"] == 0.5
    assert metrics["sets"]["fakes"]["unsure"] == 0.5


def test_evaluate_twice_is_the_same_and_another_seed_moves_the_intervals_alone(folder: Path) -> None:
    first, second, other = (evaluated(folder, PAIRS, SETS, seed) for seed in (4, 4, 5))
    assert first[0] == second[0]
    pd.testing.assert_frame_equal(first[1], second[1])
    assert other[0]["sets"]["known"]["mse"] == first[0]["sets"]["known"]["mse"]
    assert other[0]["worst"]["auc"]["value"] == first[0]["worst"]["auc"]["value"]
    assert other[0]["pairs"]["unseen"]["auc"]["low"] != first[0]["pairs"]["unseen"]["auc"]["low"]


def trainings(folder: Path, shifts: dict[int, float]) -> None:
    """Give every set predictions of several training seeds, in which the logits of fakes are shifted."""
    for name in SETS:
        first = read_predictions(folder / f"{name}.parquet")
        parts = []
        for seed, shift in shifts.items():
            logits = first["logit"] + shift * (first["label"] == 1)
            parts.append(first.assign(seed=seed, logit=logits, score=1 / (1 + np.exp(-logits))))
        both = pd.concat(parts)
        write_predictions(folder / f"{name}.parquet", [{str(key): both[key].tolist() for key in both}])


def test_every_metric_has_its_training_seeds(folder: Path) -> None:
    trainings(folder, {4: 0.0, 5: 0.5, 6: 1.0})
    frozen = {4: Frozen(0.5), 5: Frozen(0.55), 6: Frozen(0.6)}
    found = evaluate(folder, SETS, frozen, settings(PAIRS), 4)
    metrics, names = found.metrics, {"4", "5", "6"}
    assert (metrics["seeds"], metrics["threshold"]) == ([4, 5, 6], 0.5)
    assert metrics["thresholds"] == {"4": 0.5, "5": 0.55, "6": 0.6}
    shares = [*(one["called_fake"] for one in metrics["sets"].values()), *metrics["sources"].values()]
    shares += [one["tpr"] for one in metrics["generators"].values()]
    for one in [*shares, *metrics["worst"].values(), *(one["auc"] for one in metrics["generators"].values())]:
        assert set(one["seeds"]) == names
        assert one["low"] <= one.get("share", one.get("value")) <= one["high"]
    aucs = metrics["pairs"]["unseen"]["auc"]["seeds"]
    assert aucs["4"] < aucs["5"] < aucs["6"]
    assert metrics["generators"]["other"]["auc"]["seeds"] == aucs
    assert set(found.roc["seed"]) == set(found.reliability["seed"]) == {4, 5, 6}


def test_summary_keeps_fakes_and_reals_apart(folder: Path) -> None:
    trainings(folder, {4: 0.0, 5: 3.0})
    metrics = evaluate(folder, SETS, {4: Frozen(0.5), 5: Frozen(0.5)}, settings(PAIRS), 4).metrics
    found = evaluation_summary(metrics)
    assert (found["seed"], found["seeds"]) == (4, [4, 5])
    assert (set(found["tpr"]), set(found["fpr"])) == ({"known", "unseen"}, {"reals"})
    one, called = found["tpr"]["unseen"], metrics["sets"]["unseen"]["called_fake"]
    assert one["generators"] == ["other"]
    assert one["share"] == called["seeds"]["4"] == one["min"], "of the network that the artifact holds"
    assert one["low"] <= one["share"] <= one["high"] < one["max"]
    assert (one["mean"], one["max"]) == (called["share"], called["seeds"]["5"])


def test_other_training_seeds_than_the_detectors_are_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"reals\.parquet: training seeds 4, but the detector was trained from 4, 5;"):
        evaluate(folder, SETS, {4: Frozen(0.5), 5: Frozen(0.5)}, settings(PAIRS), 4)


def test_what_was_frozen_is_read_from_a_card_of_one_training_or_several() -> None:
    one = {"threshold": 0.5, "unsure": [0.4, 0.6], "at_fpr": {"fpr_1": 0.9}, "validation": {"reals": 90}}
    assert trainings_of({"seed": 4, "calibration": one}) == {4: Frozen(0.5, (0.4, 0.6), {"fpr_1": 0.9}, 90)}
    several = {"10": {**one, "threshold": 0.7}, "9": one}
    found = trainings_of({"seed": 9, "calibration": one, "trainings": several})
    assert [(seed, training.threshold) for seed, training in found.items()] == [(9, 0.5), (10, 0.7)]


def test_missing_predictions_are_one_line_that_names_the_file(folder: Path) -> None:
    with pytest.raises(UserError, match=r"other\.parquet: no predictions; run `dvc repro`") as error:
        evaluated(folder, PAIRS, [*SETS, "other"])
    assert "\n" not in str(error.value)
