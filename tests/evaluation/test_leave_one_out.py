"""The matrix of generators left out and measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unseen.core.errors import UserError
from unseen.core.json_files import write_json
from unseen.data.evaluation_sets import IDENTITY, EvaluationSet, Pair
from unseen.data.predictions import write_predictions
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.leave_one_out import (
    COLUMNS,
    LeftOut,
    as_table,
    leave_one_out,
    read_left_out,
    with_cues,
)
from unseen.evaluation.scored import Frozen, Scored

from .made_up import bell, columns, frame, measured, with_seeds

HOW = Resampling(200, 4)
TWO = {seed: Frozen(0.5) for seed in (4, 5)}


def fakes(generator: str, *of_seeds: Any, name: str = "") -> Scored:
    name = name or generator
    parts = [pd.DataFrame(columns(1, logits, None, name, generator)) for logits in of_seeds]
    return Scored.of(with_seeds(*parts))


def reals(*of_seeds: Any) -> Scored:
    return Scored.of(with_seeds(*(frame(0, logits, name="reals") for logits in of_seeds)))


def pairs(*generators: str) -> dict[str, Pair]:
    return {name: Pair(reals="reals", fakes=name, matched=True) for name in generators}


def by_hand() -> dict[str, LeftOut]:
    """Without `a`, seed 4 calls one of two fakes of `a` fake, and seed 5 none; without `b`, both call both fake."""
    people = [-2.0, -1.0, -3.0, 1.0]  # one of four reals is called fake
    of_reals = reals(people, people)
    known = [[2.0, 3.0], [2.0, 3.0]]
    return {
        "a": LeftOut({"reals": of_reals, "a": fakes("a", [2.0, -1.5], [-4.0, -5.0]), "b": fakes("b", *known)}, TWO),
        "b": LeftOut({"reals": of_reals, "a": fakes("a", *known), "b": fakes("b", [-0.5, -0.5], [4.0, -0.5])}, TWO),
    }


def test_every_cell_by_hand() -> None:
    found = leave_one_out(by_hand(), pairs("a", "b"), HOW)
    assert found["seeds"] == [4, 5]
    of_a, of_b = found["matrix"]["a"]["a"], found["matrix"]["b"]["a"]
    # seed 4: 2.0 is above four reals, -1.5 above two; seed 5: both are below all
    assert of_a["auc"]["seeds"] == {"4": 0.75, "5": 0.0}
    assert of_a["auc"]["value"] == 0.375
    assert of_a["tpr"]["seeds"] == {"4": 0.5, "5": 0.0}
    assert of_a["fpr"]["value"] == 0.25
    assert (of_b["auc"]["value"], of_b["tpr"]["value"]) == (1.0, 1.0)
    # -0.5 is above three of four reals; 4.0 is above all
    assert found["matrix"]["b"]["b"]["auc"]["seeds"] == {"4": 0.75, "5": 0.875}
    assert found["matrix"]["a"]["b"]["auc"]["value"] == 1.0


def test_unseen_is_the_diagonal_and_seen_the_rest_of_the_column() -> None:
    rows = by_hand()
    rows["c"] = LeftOut({**rows["b"].predictions, "a": fakes("a", [2.0, -9.0], [2.0, -9.0])}, TWO)
    with pytest.raises(UserError, match="no evaluation set of a pair has fakes of the generator 'c'"):
        leave_one_out(rows, pairs("a", "b"), HOW)
    for row in rows.values():
        row.predictions["c"] = fakes("c", [1.5], [1.5])
    found = leave_one_out(rows, pairs("a", "b", "c"), HOW)
    of = found["generators"]["a"]
    assert of["unseen"] == found["matrix"]["a"]["a"]
    assert of["seen"]["tpr"] == {**of["seen"]["tpr"], "value": 0.75, "seeds": {"4": 0.75, "5": 0.75}}
    assert of["seen"]["auc"]["value"] == (1.0 + 0.5) / 2
    assert of["drop"]["tpr"]["seeds"] == {"4": 0.25, "5": 0.75}
    assert of["drop"]["tpr"]["value"] == 0.5
    assert (of["fakes"], of["reals"], of["pairs"]) == (2, 4, [["reals", "a"]])


def test_a_threshold_is_that_of_its_row_and_seed() -> None:
    rows = by_hand()
    rows["a"] = LeftOut(rows["a"].predictions, {4: Frozen(0.9), 5: Frozen(0.001)})
    found = leave_one_out(rows, pairs("a", "b"), HOW)
    assert found["matrix"]["a"]["a"]["tpr"]["seeds"] == {"4": 0.0, "5": 1.0}
    assert found["matrix"]["b"]["a"]["tpr"]["seeds"] == {"4": 1.0, "5": 1.0}


def drawn(means: dict[str, float], seed: int) -> dict[str, Scored]:
    sets = {"reals": reals(bell(-1, 60, 1), bell(-1, 60, 2))}
    for number, (name, mean) in enumerate(means.items()):
        sets[name] = fakes(name, *(bell(mean, 50, seed + 2 * number + of_seed) for of_seed in (0, 1)))
    return sets


def test_cells_are_the_auc_and_the_rates_of_a_pair() -> None:
    rows = {
        "a": LeftOut(drawn({"a": 0.0, "b": 2.0}, 10), TWO),
        "b": LeftOut(drawn({"a": 2.0, "b": 0.5}, 20), TWO),
    }
    found = leave_one_out(rows, pairs("a", "b"), HOW)
    both, cell = rows["a"].predictions, found["matrix"]["a"]["a"]
    one = [
        measured(frame(0, both["reals"].values[seed], name="reals"), frame(1, both["a"].values[seed], name="a"))
        for seed in (0, 1)
    ]
    assert cell["auc"]["value"] == pytest.approx(np.mean([of["auc"]["value"] for of in one]))
    assert cell["tpr"]["value"] == pytest.approx(np.mean([of["tpr"]["share"] for of in one]))
    assert cell["fpr"]["value"] == pytest.approx(np.mean([of["fpr"]["share"] for of in one]))
    for measure in ("auc", "tpr", "fpr"):
        assert cell[measure]["low"] < cell[measure]["value"] < cell[measure]["high"]
    assert found["generators"]["a"]["drop"]["auc"]["low"] > 0  # better where it is seen


def test_a_drop_is_paired_by_face() -> None:
    """All logits of `a` are 0.3 higher where it is seen, so the drop varies less than either AUC."""
    rows = {
        "a": LeftOut(drawn({"a": 0.0, "b": 2.0}, 10), TWO),
        "b": LeftOut(drawn({"a": 0.3, "b": 2.0}, 10), TWO),
    }
    of = leave_one_out(rows, pairs("a", "b"), HOW)["generators"]["a"]
    width = {name: of[name]["auc"]["high"] - of[name]["auc"]["low"] for name in ("seen", "unseen", "drop")}
    assert 0 < width["drop"] < 0.5 * min(width["seen"], width["unseen"])


def test_all_sets_are_paired_if_params_have_no_pairs_but_controls() -> None:
    rows = by_hand()
    for row in rows.values():
        row.predictions["control"] = fakes(IDENTITY, [0.0], [0.0], name="control")
    assert leave_one_out(rows, {}, HOW) == leave_one_out(by_hand(), pairs("a", "b"), HOW)


def test_rows_on_different_faces_are_refused() -> None:
    rows = by_hand()
    rows["b"].predictions["a"] = fakes("a", [2.0], [2.0])
    with pytest.raises(UserError, match="predictions without a and without b are on different faces"):
        leave_one_out(rows, pairs("a", "b"), HOW)


def test_the_table_has_a_row_for_each_cell_and_measure() -> None:
    table = as_table("net", leave_one_out(by_hand(), pairs("a", "b"), HOW))
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * 2 * 3
    (row,) = table[(table.left_out == "a") & (table.generator == "a") & (table.measure == "auc")].to_dict("records")
    assert (row["value"], row["seeds_min"], row["seeds_max"], row["unseen"]) == (0.375, 0.0, 0.75, True)
    assert table["unseen"].sum() == 6


def cue(auc: float, low: float) -> dict[str, float]:
    return {"auc": auc, "low": low, "high": 1.0}


AUDIT = {
    "pairs": {
        "orl / gan": {
            "picture": {"cues": {"sharpness": cue(0.8, 0.7), "noise": cue(0.9, 0.4)}},
            "file": {"cues": {"tables": cue(0.6, 0.55)}},
            "original": {"cues": {"bytes": cue(0.99, 0.9)}},  # no detector sees it
        },
        "orl / other": {"picture": {"cues": {"noise": cue(0.95, 0.9)}}},
    }
}


def test_each_generator_has_its_best_cue_beside_it() -> None:
    sets = {
        "reals": EvaluationSet(data="faces/people/orl", split="test"),
        "a": EvaluationSet(data="fakes/own/gan", split="test"),
        "b": EvaluationSet(data="fakes/own/more", split="test"),
    }
    beside = with_cues(leave_one_out(by_hand(), pairs("a", "b"), HOW), AUDIT, sets)["generators"]
    assert beside["a"]["cue"] == {"pair": "orl / gan", "kind": "picture", "cue": "sharpness", **cue(0.8, 0.7)}
    assert beside["b"]["cue"] is None


def write_row(folder: Path, trained_on: list[str]) -> None:
    write_predictions(folder / "gan/reals.parquet", [columns(0, bell(-1, 8, 1), None, "reals")])
    split = {"generators": trained_on}
    card = {
        "trainings": {"4": {"threshold": 0.25, "unsure": [0.2, 0.3]}},
        "trained_on": {"train": split, "val": split},
    }
    write_json(folder / "gan/trainings.json", card)


def test_a_row_is_read_with_its_thresholds(tmp_path: Path) -> None:
    write_row(tmp_path, ["other"])
    row = read_left_out(tmp_path, "gan", ["reals"])
    assert row.trained[4].threshold == 0.25
    assert len(row.predictions["reals"]) == 8


def test_a_detector_that_has_trained_on_the_generator_is_refused(tmp_path: Path) -> None:
    write_row(tmp_path, ["gan", "other"])
    with pytest.raises(UserError, match="has trained on gan, which was to be left out"):
        read_left_out(tmp_path, "gan", ["reals"])
