"""The verdict: what is called best, what is not, and why numbers are doubted."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unseen.report.leaderboard import leaderboard
from unseen.report.page import render
from unseen.report.results import Results

from .html_pages import Page

CUE = {"kind": "picture", "cue": "sharpness", "auc": 0.6, "low": 0.55, "high": 0.65}
MANY = {"people": 400, "without_identity": 0}
Auc = tuple[float, float, float]


def seeds(value: float, off: float = 0.0) -> dict[str, float]:
    """The values of three training seeds around their mean."""
    return {"4": value - off, "5": value, "6": value + off}


def pair(auc: Auc, tpr: float, people: dict[str, int], off: float) -> dict[str, Any]:
    """Numbers of a pair: the AUC with its interval, and the TPR; the FPR is 0. Seeds differ by `off`."""
    value, low, high = auc
    balanced = (tpr + 1) / 2
    return {
        "auc": {"value": value, "low": low, "high": high, "seeds": seeds(value, off)},
        "tpr": {"share": tpr, "low": tpr / 2, "high": min(1.0, tpr + 0.1), "n": 200, "seeds": seeds(tpr, off)},
        "fpr": {"share": 0.0, "low": 0.0, "high": 0.02, "n": 194, "seeds": seeds(0.0)},
        "balanced_accuracy": balanced,
        "intervals": {"balanced_accuracy": {"low": balanced, "high": balanced, "seeds": seeds(balanced, off)}},
        "people": {"reals": people, "fakes": {"people": 0, "without_identity": 200}},
    }


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, **other, "intervals": {**one["intervals"], **other["intervals"]}}


def made(
    results: Results,
    aucs: dict[str, dict[str, Auc]],
    people: dict[str, int] | None = None,
    cue: float = 0.6,
    off: float = 0.0,
) -> Results:
    """The run as if its detectors had these AUCs on its pairs, and its audit a cue of the picture with this one."""
    detectors = {}
    for name, found in aucs.items():
        metrics = results.detectors[name]
        pairs = {
            key: merged(one, pair(found[key], max(0.0, 2 * found[key][0] - 1), people or MANY, off))
            for key, one in metrics["pairs"].items()
        }
        pooled = merged(metrics["pooled"], pair(found["known"], 0.5, people or MANY, off))
        detectors[name] = {**metrics, "pairs": pairs, "pooled": pooled}
    marks = {name: list[str]() for name in results.marks}
    return replace(
        results,
        detectors=detectors,
        marks=marks,
        baselines={name: [{**CUE, "auc": cue, "low": cue - 0.05, "high": cue + 0.05}] for name in marks},
        matrix=results.matrix[results.matrix["detector"].isin(detectors)],
        leaderboard=leaderboard(detectors, dict.fromkeys(detectors, 1), marks),
    )


@pytest.fixture
def page(root: Path, no_charts: None) -> Any:
    return lambda results: Page(render(results, [], root / "metrics"))


def both(first: Auc, second: Auc) -> dict[str, dict[str, Auc]]:
    return {
        "dct_logistic": {"known": first, "unseen": first},
        "efficientnet_lite0": {"known": second, "unseen": second},
    }


def test_a_detector_above_every_cue_is_best_and_says_where(results: Results, page: Any) -> None:
    found = page(made(results, both((0.9, 0.88, 0.92), (0.7, 0.66, 0.74))))
    (verdict,) = found.texts["p.verdict"]
    assert verdict.startswith(
        "dct_logistic is best: of the detectors that are better than chance and the best single"
    )
    assert "highest balanced accuracy on its worst pair, 90.0%. That pair is known:" in verdict
    assert "it detects 80.0% of the fakes (80.0% over 3 training seeds) and" in verdict
    assert "and calls 0 of 1,000 real faces fake (0 over seeds). Its AUC is 0.900" in verdict
    assert "(0.900 over training seeds; 95 % interval: 0.880 to 0.920)" in verdict
    assert "It was chosen by these same numbers, so they may be too favourable" in verdict
    assert [row[1] for row in found.tables[0][1:]] == ["dct_logistic", "dct_logistic"]
    assert found.tables[0][1][4] == "better than the cue"
    assert found.texts["dt"] == ["Worst generator", "FPR", "Measured on"], "no speed"


def test_two_that_rank_the_wrong_way_round_beside_a_cue_are_never_best(results: Results, page: Any) -> None:
    """As a run on other people's sets had them: a cue at .789, 194 pictures without identities."""
    aucs = both((0.202, 0.138, 0.273), (0.396, 0.330, 0.460))
    found = page(made(results, aucs, {"people": 0, "without_identity": 194}, cue=0.789))
    (verdict,) = found.texts["p.verdict"]
    assert verdict.startswith("No detector of the 2 is shown to be better than chance on every pair.")
    assert [row[1] for row in found.tables[0][1:]] == ["none", "none"]
    assert found.tables[0][1][2] == "0.396seeds 0.396 95 % 0.330 to 0.460 efficientnet_lite0"
    assert found.tables[0][1][4] == "worse than chance: check labels"
    doubts = found.texts["ul.warnings"][0]
    assert "ranked reals above fakes: check labels" in doubts
    assert "dct_logistic (AUC 0.202, 0.138 to 0.273)" in doubts
    assert "no better than chance" not in doubts
    assert "may have learned only that cue" not in doubts
    assert "194 pictures (no identities: intervals treat each picture as a person" in doubts
    assert "194 people" not in " ".join(found.texts["section"])
    assert "does best" not in " ".join(found.texts["section"])


def test_a_detector_below_the_cue_has_not_learned_only_the_cue(results: Results, page: Any) -> None:
    found = page(made(results, both((0.995, 0.98, 1.0), (0.726, 0.56, 0.87)), cue=0.992))
    doubts = found.texts["ul.warnings"][0]
    assert "dct_logistic (AUC 0.995, 0.980 to 1.000) may have learned only that cue." in doubts
    assert "efficientnet_lite0 (AUC 0.726, 0.560 to 0.870) ranked worse than that cue." in doubts


@pytest.mark.parametrize(
    ("auc", "cue", "doubted"),
    [
        ((0.9, 0.88, 0.92), 0.6, False),
        ((0.9, 0.88, 0.92), 0.85, False),
        ((0.9, 0.88, 0.92), 0.89, True),
        ((0.6, 0.55, 0.65), 0.95, True),
        ((0.51, 0.48, 0.54), 0.95, False),
        ((0.2, 0.15, 0.25), 0.95, False),
    ],
)
def test_a_cue_is_a_reason_for_doubt_only_above_chance_and_not_clearly_above_the_cue(
    results: Results, page: Any, auc: Auc, cue: float, doubted: bool
) -> None:
    found = page(made(results, both(auc, auc), cue=cue))
    (verdict,) = found.texts["p.verdict"]
    text = " ".join(found.texts["li"])
    assert (f"sharpness, has an AUC of {cue:.3f}." in text) is doubted
    assert ("is best" in verdict) is (not doubted and auc[0] > 0.6)


def test_few_people_show_nobody_to_be_better_than_a_good_cue(results: Results, page: Any) -> None:
    """An AUC of 1 of nine people is at least .717; one of .996 has a narrower interval and shows no more."""
    nine = {"people": 9, "without_identity": 0}
    for auc in ((1.0, 0.05 ** (1 / 9), 1.0), (0.996, 0.988, 1.0)):
        found = page(made(results, both(auc, auc), nine, cue=0.905))
        assert found.texts["p.verdict"][0].startswith("No detector of the 2 is shown to be better than a simple cue")
        assert [row[1] for row in found.tables[0][1:]] == ["none", "none"]
        assert "1.000 to 1.000" not in " ".join(found.texts["section"])


def test_a_detector_that_may_be_at_chance_says_so(results: Results, page: Any) -> None:
    found = page(made(results, both((0.52, 0.48, 0.56), (0.9, 0.88, 0.92))))
    assert found.texts["p.verdict"][0].startswith("efficientnet_lite0 is best")
    found = page(made(results, both((0.52, 0.48, 0.56), (0.53, 0.49, 0.57))))
    assert "On unseen, efficientnet_lite0 and dct_logistic may be no better than chance" in " ".join(
        found.texts["li"]
    )
    found = page(made(results, both((0.52, 0.51, 0.56), (0.53, 0.51, 0.57))))
    assert "no better than chance" not in " ".join(found.texts["li"])


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ({"people": 22, "without_identity": 0}, "trained on real faces of 22 people: a demonstration"),
        ({"people": 22}, "trained on real faces of 22 people: a demonstration"),
        (
            {"people": 0, "without_identity": 194},
            "trained on real faces of 194 pictures without identities: a demonstration",
        ),
        ({"people": 5000, "without_identity": 0}, ""),
    ],
)
def test_few_people_are_called_a_demonstration(results: Results, page: Any, train: dict[str, int], says: str) -> None:
    card = results.cards["efficientnet_lite0"]
    trained = {**card["trained_on"], "train": {**card["trained_on"]["train"], **train}}
    found = page(replace(results, cards={**results.cards, "efficientnet_lite0": {**card, "trained_on": trained}}))
    text = " ".join(found.texts["li"])
    assert says in text
    assert ("a demonstration" in text) is bool(says)


def test_a_training_at_or_below_the_cue_is_enough_not_to_be_best(results: Results, page: Any) -> None:
    """The mean and its interval lie above a cue of .6; the training of seed 4 does not."""
    assert (
        page(made(results, both((0.9, 0.7, 0.95), (0.7, 0.66, 0.74)), off=0.05))
        .texts["p.verdict"][0]
        .startswith("dct_logistic is best")
    )
    for off, than in ((0.31, "a simple cue"), (0.41, "chance")):
        said = page(made(results, both((0.9, 0.7, 0.95), (0.9, 0.7, 0.95)), off=off))
        assert said.texts["p.verdict"][0].startswith(f"No detector of the 2 is shown to be better than {than}")


@pytest.mark.parametrize(("off", "warned"), [(0.05, True), (0.01, False)])
def test_trainings_that_differ_more_than_the_interval_is_wide_are_named(
    results: Results, page: Any, off: float, warned: bool
) -> None:
    found = page(made(results, both((0.9, 0.87, 0.92), (0.7, 0.66, 0.74)), off=off))
    text = " ".join(found.texts["li"])
    assert (
        "On known, trainings differ more than the 95 % interval is wide: AUC of dct_logistic 0.850 to 0.950 over "
        "training seeds." in text
    ) is warned
    assert f"({0.8 - off:.1%} to {0.8 + off:.1%} over 3 training seeds)" in found.texts["p.verdict"][0]


def test_the_page_says_what_numbers_mean_with_several_seeds_and_with_one(
    results: Results, one_seed: Results, page: Any
) -> None:
    several, one = " ".join(page(results).texts["p"]), page(one_seed)
    assert "Each detector was trained 3 times, from training seeds 4, 5, 6. A number is the mean" in several
    assert several.count("Measured with the network of training seed 4, the first of 3.") == 3
    text = " ".join(one.texts["p"])
    assert "One training seed: no range over trainings." in text
    assert "first of" not in text
    assert "over training seeds" not in " ".join(one.texts["section"])
    assert not re.search(r"\dseeds ", " ".join(cell for rows in one.tables for row in rows for cell in row))


def test_one_detector_alone_is_described_and_not_called_best(results: Results, page: Any) -> None:
    one = made(results, {"dct_logistic": {"known": (0.6, 0.55, 0.65), "unseen": (0.9, 0.8, 0.95)}}, cue=0.7)
    (verdict,) = page(one).texts["p.verdict"]
    assert verdict.startswith("dct_logistic on its worst pair, known: at the thresholds frozen")
    assert "best" not in verdict
    assert "chosen" not in verdict


@pytest.mark.parametrize("passed", [True, False])
def test_a_null_control_is_shown_and_a_trace_is_a_warning(results: Results, page: Any, passed: bool) -> None:
    auc = {"value": 0.5 if passed else 0.61, "low": 0.48, "high": 0.63}
    controls = {"identity_twins": {"n": 30, "auc": auc, "passed": passed}}
    found = {name: {**metrics, "controls": controls} for name, metrics in results.detectors.items()}
    shown = page(replace(results, detectors=found))
    text = " ".join(cell for table in shown.tables for row in table for cell in row)
    assert "identity_twins" in text
    assert ("a trace" in text) is not passed
    warned = [
        text for texts in shown.texts.values() for text in texts if "On the null control identity_twins" in text
    ]
    assert bool(warned) is not passed


def test_a_ready_checkpoint_is_named_as_one_and_not_as_trained_on_few_people(results: Results, page: Any) -> None:
    name = "efficientnet_lite0"
    card = {**results.cards[name], "calibrated_only": True}
    card["trained_on"] = {"train": {"faces": {}, "people": 0, "generators": []}, "val": {"generators": ["dcgan"]}}
    found = page(replace(results, cards={**results.cards, name: card}))
    text = " ".join(found.texts["li"])
    assert f"{name} is a ready checkpoint: only temperature and threshold were fitted here" in text
    assert "0 people" not in text
    cells = [cell for table in found.tables for row in table for cell in row]
    assert [cell for cell in cells if "ready checkpoint, calibrated only" in cell] == [
        f"{name}ready checkpoint, calibrated only"
    ]
