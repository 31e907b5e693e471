"""A detector's model card says what a reader must know before he uses it, the worst first."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy.special import expit

from unseen.data.predictions import read_predictions, write_predictions
from unseen.evaluation.card import model_card
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import Frozen
from unseen.evaluation.settings import EvaluationSettings

from .made_up import bell, columns

SETS = ["reals", "known", "unseen"]
LICENSES = {"orl": "research | with credit", "other": "never shown"}


def detector(people: int = 22, **settings: Any) -> dict[str, Any]:
    """What matters here of a `detector.json`."""
    return {
        "name": "mine",
        "kind": "dct_logistic",
        "parameters": 12289,
        "settings": settings,
        "faces": {"side": 64, "min_crop": 32},
        "calibration": {
            "temperature": 1.5,
            "threshold": 0.5,
            "unsure": [0.25, 0.75],
            "max_fpr": 0.05,
            "validation": {"reals": 90, "fakes": 75, "fpr": 1 / 90, "tpr": 0.96},
        },
        "trained_on": {
            "train": {"faces": {"dcgan_fakes": 2150, "orl": 220}, "generators": ["dcgan"], "people": people},
            "val": {"faces": {"dcgan_fakes": 75, "orl": 90}, "generators": ["dcgan"], "people": 9},
        },
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions: of 40 real photos of 10 people 4 are flagged; one generator is seen through, the other fools."""
    made = tmp_path_factory.mktemp("predictions")
    reals = columns(0, [1.0] * 4 + [-1.0] * 36, [i // 4 for i in range(40)], "reals")
    reals["attributes"] = [[("gender", "f")]] * 40
    write_predictions(made / "reals.parquet", [reals])
    write_predictions(made / "known.parquet", [columns(1, bell(6, 50, 1), None, "known", "dcgan")])
    write_predictions(made / "unseen.parquet", [columns(1, bell(-3, 80, 2), None, "unseen", "a<b>|c\nd")])
    return made


def measured(folder: Path, **changes: Any) -> dict[str, Any]:
    pairs = {
        "easy": {"reals": "reals", "fakes": "known", "matched": True},
        "hard": {"reals": "reals", "fakes": "unseen", "matched": False},
    }
    settings = EvaluationSettings.model_validate({"pairs": pairs, "groups": [], "resamples": 100, **changes})
    frozen = Frozen(0.5, (0.25, 0.75), {"fpr_0_5": 0.9, "fpr_1": 0.8, "fpr_5": 0.7})
    return evaluate(folder, SETS, {4: frozen}, settings, 4).metrics


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}[^\n]*\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines[2:]]


@pytest.fixture(scope="module")
def card(folder: Path) -> str:
    return model_card(detector(), measured(folder), LICENSES)


def test_what_it_is_for_and_that_swaps_are_out_of_scope(card: str) -> None:
    assert card.startswith("# mine\n")
    assert "12,289 weights" in card
    assert "Face swaps and edited photos are out of scope" in section(card, "Intended use")


def test_who_trained_it_with_licences(card: str) -> None:
    trained = section(card, "Training data")
    assert "Real faces: 22 people. Fakes: dcgan." in trained
    assert rows(trained) == [
        ["dcgan_fakes", "2,150", "75", "made by this project"],
        ["orl", "220", "90", r"research \| with credit"],
    ]
    assert "never shown" not in card


def test_pictures_without_identities_are_not_called_people(folder: Path) -> None:
    own = detector(0)
    for split in own["trained_on"].values():
        split |= {"people": 0, "without_identity": 194}
    trained = section(model_card(own, measured(folder), LICENSES), "Training data")
    assert "Real faces: 194 pictures without identities." in trained
    assert "**194 pictures without identities are few: this is a demonstration.**" in trained


@pytest.mark.parametrize(("people", "few"), [(22, True), (999, True), (1000, False)])
def test_few_people_make_a_demonstration(folder: Path, people: int, few: bool) -> None:
    assert ("this is a demonstration" in model_card(detector(people), measured(folder), LICENSES)) == few


def test_a_ready_checkpoint_was_not_trained_here(folder: Path) -> None:
    own = detector(0, weights="hub/commfor") | {"calibrated_only": True}
    own["trained_on"]["train"] = {"faces": {}, "generators": [], "people": 0, "without_identity": 0}
    text = model_card(own, measured(folder), LICENSES)
    trained = section(text, "Training data")
    assert trained.startswith("A ready checkpoint, calibrated only: its weights were trained by others")
    assert "validation split: 9 people, and fakes of dcgan." in trained
    assert "Initial weights: `hub/commfor`." in trained
    assert rows(trained)[0] == ["dcgan_fakes", "0", "75", "made by this project"]
    assert "demonstration" not in text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weights": "none"}, "Initial weights: none."),
        ({"weights": "gans/dcgan"}, "Initial weights: `gans/dcgan`."),
    ],
)
def test_what_it_began_from(folder: Path, settings: dict[str, Any], says: str) -> None:
    assert says in model_card(detector(**settings), measured(folder), LICENSES)


def test_the_operating_point_is_validations(card: str) -> None:
    point = section(card, "Operating point")
    assert "at least **0.5000**" in point
    assert (
        "an FPR of at most 5.0% on validation faces. There, the FPR is 1.1% (n 90) and the TPR is 96.0% (n 75)"
        in point
    )
    assert "At 0.8000, which at most 1 % of the validation reals reach" in point


def test_the_worst_generator_comes_first_with_its_interval(card: str) -> None:
    worst, best = rows(section(card, "TPR by generator"))
    assert worst[:2] == [r"a\<b\>\|c d", "**never seen**"], "somebody's name draws no table and no tag of its own"
    assert best[:2] == ["dcgan", "trained on"]
    assert worst[2] == "0.0% (at most 3.7%, n 80)", "1 - 0.05^(1/80) is 3.68 %"
    assert worst[3] == "100.0%"
    assert best[2].startswith("100.0% (at least 94.2%, n 50)")


def test_the_worst_pair_comes_first_and_worse_than_chance_is_said(card: str) -> None:
    fails = section(card, "Where it fails")
    assert fails.startswith("Worst pair: **hard** (reals against unseen). AUC 0.")
    first, second, pooled = rows(fails)
    assert (first[0], first[1], first[-1]) == (
        "hard",
        "not matched",
        "ranks **worse than chance**: check the labels; if they are right, these fakes look more real to it than "
        "the reals",
    )
    assert (second[0], second[1], second[-1]) == ("easy", "matched", "ranks better than chance")
    assert pooled[:2] == ["all reals, all fakes", ""]


def test_an_interval_that_holds_a_half_is_chance(folder: Path, tmp_path: Path) -> None:
    for name in SETS:
        (tmp_path / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
    write_predictions(tmp_path / "unseen.parquet", [columns(1, [1.0] * 4 + [-1.0] * 36, None, "unseen")])
    (first, *_) = rows(section(model_card(detector(), measured(tmp_path), LICENSES), "Where it fails"))
    assert (first[0], first[-1]) == ("hard", "ranks **no better than chance**")


def test_false_alarms_are_of_1000_people(card: str) -> None:
    assert rows(section(card, "False positives")) == [
        ["reals", "100", "0", "300", "40"]
    ]  # all 4 photos of one person of 10
    assert "measured on 10 people" in section(card, "Limits")


def test_groups(folder: Path, card: str) -> None:
    assert section(card, "Groups of people").strip() == "Not measured: `evaluation.groups` names no attribute."
    by_gender = section(model_card(detector(), measured(folder, groups=["gender"]), LICENSES), "Groups of people")
    assert "easy, by gender. 50 faces are in no group." in by_gender
    assert rows(by_gender)[0] == ["f", "10.0% (0.0% to 30.0%, n 40)", "no fakes", "few faces"]
    assert "FPR not computed, TPR not computed" in by_gender


def test_the_same_numbers_are_the_same_bytes(folder: Path, card: str) -> None:
    assert model_card(detector(), measured(folder), LICENSES) == card
    assert not [line for line in card.splitlines() if line != line.rstrip()]


def test_it_says_which_network_it_holds_and_how_the_others_differ(folder: Path, tmp_path: Path) -> None:
    for name in SETS:
        first = read_predictions(folder / f"{name}.parquet")
        parts = [
            first.assign(seed=4 + n, logit=first["logit"] + n, score=expit(first["logit"] + n)) for n in range(3)
        ]
        both = pd.concat(parts)
        write_predictions(tmp_path / f"{name}.parquet", [{str(key): both[key].tolist() for key in both}])
    settings = EvaluationSettings(pairs={}, groups=[], resamples=100)
    trained = {4 + n: Frozen(0.5 + n / 8, at_fpr={"fpr_1": 0.8}, validation_reals=90) for n in range(3)}
    metrics = evaluate(tmp_path, SETS, trained, settings, 4).metrics
    text = model_card(detector(), metrics, LICENSES)
    assert (
        "trained 3 times, from training seeds 4, 5, 6. **The weights in this folder are of training seed 4**" in text
    )
    assert "An FPR of 1 %: not measurable with 90 validation reals." in section(text, "Operating point")
    fpr = metrics["sources"]["reals"]
    assert rows(section(text, "False positives")) == [
        ["reals", "100", "100", "100", "100", f"{1000 * fpr['low']:.0f}", f"{1000 * fpr['high']:.0f}", "40"]
    ]
    (worst, _) = rows(section(text, "TPR by generator"))
    assert re.fullmatch(r"0\.0%; mean 0\.\d% \(.*, n 80\), seeds 0\.0% to \d\.\d%", worst[2])
