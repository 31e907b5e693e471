"""Rates by group, on predictions whose counts are known."""

import math
from typing import Any

import pandas as pd
import pytest

from unseen.core.errors import UserError
from unseen.evaluation import groups
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.groups import SMALL, as_table
from unseen.evaluation.scored import Scored

from .made_up import frame, share, with_seeds


def people(label: int, n: int, hits: int, **attributes: str) -> pd.DataFrame:
    """So many faces, of which so many reach a threshold of 0.5."""
    found = frame(label, [1.0] * hits + [-1.0] * (n - hits), name=f"{label} {attributes}")
    return found.assign(attributes=[list(attributes.items())] * n)


def by_group(predictions: pd.DataFrame, threshold: float, attributes: list[str]) -> dict[str, Any]:
    return groups.by_group(Scored.of(predictions), threshold, attributes, Resampling(100, 4))


def together(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Two large groups, one of few reals, and faces of nobody."""
    return together(
        people(0, 40, 2, gender="f", age="old"),
        people(0, 50, 10, gender="m", age="old"),
        people(0, SMALL - 1, SMALL - 1, gender="x", age="old"),
        people(1, 40, 38, gender="f", age="old"),
        people(1, 80, 60, gender="m", age="young"),
        people(1, 100, 0),
    )


def test_rates_are_shares_of_each_class_in_each_group(predictions: pd.DataFrame) -> None:
    found = by_group(predictions, 0.5, ["gender"])["gender"]
    women, men = found["groups"]["f"], found["groups"]["m"]
    assert (women["reals"], women["fakes"], men["reals"], men["fakes"]) == (40, 40, 50, 80)
    assert women["fpr"] == share(2, 40)
    assert women["fpr"]["share"] == 0.05
    assert men["fpr"] == share(10, 50)
    assert women["tpr"] == share(38, 40)
    assert men["tpr"]["share"] == 0.75
    assert found["without"] == 100


def test_rates_and_gaps_of_several_training_seeds(predictions: pd.DataFrame) -> None:
    other = predictions.assign(score=0.9)  # a network that calls all fake
    found = by_group(with_seeds(predictions, other), 0.5, ["gender"])["gender"]
    assert found["groups"]["f"]["fpr"]["seeds"] == {"4": 0.05, "5": 1.0}
    assert found["groups"]["f"]["fpr"]["share"] == pytest.approx(0.525)
    assert (found["groups"]["f"]["reals"], found["without"]) == (40, 100)
    assert found["gaps_by_seed"] == {
        "4": {"fpr": pytest.approx(0.15), "tpr": pytest.approx(0.2)},
        "5": {"fpr": 0.0, "tpr": 0.0},
    }
    assert found["gaps"] == {"fpr": pytest.approx(0.075), "tpr": pytest.approx(0.1)}


def test_a_gap_is_taken_over_groups_that_are_not_small(predictions: pd.DataFrame) -> None:
    found = by_group(predictions, 0.5, ["gender"])["gender"]
    assert found["groups"]["x"]["fpr"]["share"] == 1.0  # shown, but it would make the gap 0.95
    assert found["groups"]["x"]["small"] == ["fpr", "tpr"]
    assert found["groups"]["f"]["small"] == []
    assert found["gaps"]["fpr"] == pytest.approx(0.2 - 0.05)
    assert found["gaps"]["tpr"] == pytest.approx(0.95 - 0.75)
    one_more = together(predictions, people(0, 1, 1, gender="x").assign(id="one more", identity="one more"))
    assert by_group(one_more, 0.5, ["gender"])["gender"]["gaps"]["fpr"] == pytest.approx(0.95)


def test_smallness_is_of_a_class_and_not_of_a_group(predictions: pd.DataFrame) -> None:
    found = by_group(predictions, 0.5, ["age"])["age"]
    assert found["groups"]["young"] == {
        "reals": 0,
        "fakes": 80,
        "fpr": None,
        "tpr": share(60, 80),
        "small": ["fpr"],
    }
    assert found["gaps"]["fpr"] is None  # only the old have reals
    assert found["gaps"]["tpr"] == pytest.approx(0.95 - 0.75)


def test_a_class_that_is_in_no_group_has_no_rates() -> None:
    found = by_group(together(people(0, 40, 4, gender="f"), people(1, 50, 50)), 0.5, ["gender"])["gender"]
    assert found["groups"]["f"]["tpr"] is None
    assert found["groups"]["f"]["fpr"]["share"] == 0.1
    assert found["gaps"] == {"fpr": None, "tpr": None}


def test_several_attributes_are_taken_each_alone_and_together(predictions: pd.DataFrame) -> None:
    found = by_group(predictions, 0.5, ["gender", "age"])
    assert list(found) == ["gender", "age", "gender x age"]
    joint = found["gender x age"]["groups"]
    assert list(joint) == ["f x old", "m x old", "m x young", "x x old"]
    assert (joint["m x old"]["reals"], joint["m x old"]["fakes"]) == (50, 0)
    assert (joint["m x young"]["reals"], joint["m x young"]["fakes"]) == (0, 80)


def test_a_score_on_the_threshold_is_called_fake() -> None:
    row = people(0, 40, 40, gender="f").assign(score=0.7)
    assert by_group(row, 0.7, ["gender"])["gender"]["groups"]["f"]["fpr"]["share"] == 1.0
    assert by_group(row, 0.7000001, ["gender"])["gender"]["groups"]["f"]["fpr"]["share"] == 0.0


def test_an_empty_value_is_no_group() -> None:
    found = by_group(together(people(0, 40, 4, gender=""), people(0, 40, 4, gender="f")), 0.5, ["gender"])["gender"]
    assert list(found["groups"]) == ["f"]
    assert found["without"] == 40


def test_an_attribute_that_nobody_has_is_one_line(predictions: pd.DataFrame) -> None:
    with pytest.raises(UserError) as caught:
        by_group(predictions, 0.5, ["gende"])
    assert str(caught.value) == (
        "groups: no prediction has the attribute 'gende'; allowed: age, gender; did you mean `gender`?"
    )


def test_the_table_has_a_row_a_group(predictions: pd.DataFrame) -> None:
    table = as_table(by_group(predictions, 0.5, ["gender", "age"]))
    assert list(zip(table["attribute"], table["group"], strict=True))[:5] == [
        ("gender", "f"),
        ("gender", "m"),
        ("gender", "x"),
        ("age", "old"),
        ("age", "young"),
    ]
    row: dict[str, Any] = table[table["group"] == "m"].iloc[0].to_dict()
    assert (row["reals"], row["fakes"], row["fpr"], row["tpr"], row["small"]) == (50, 80, 0.2, 0.75, "")
    assert row["fpr_low"] == share(10, 50)["low"]
    young = table[table["group"] == "young"].iloc[0]
    assert math.isnan(young["fpr"])
    assert young["small"] == "fpr"


def test_predictions_from_parquet_do_as_well(tmp_path: Any, predictions: pd.DataFrame) -> None:
    from unseen.data.predictions import read_predictions, write_predictions

    predictions = predictions.assign(id=[str(number) for number in range(len(predictions))])
    write_predictions(tmp_path / "p.parquet", [predictions.to_dict("list")])
    assert by_group(read_predictions(tmp_path / "p.parquet"), 0.5, ["gender"]) == by_group(
        predictions, 0.5, ["gender"]
    )
