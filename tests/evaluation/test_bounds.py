"""Exact bounds where all resamples agree, against worked examples, SciPy and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from unseen.audit.shortcuts import _with_interval
from unseen.evaluation.bootstrap import bounded
from unseen.evaluation.bounds import share_at_least, unanimous
from unseen.evaluation.compare import compare, join_predictions
from unseen.evaluation.pair_bounds import BOUNDS, Trials, interval_of

from .made_up import frame, measured


@pytest.mark.parametrize("trials", [1, 9, 90, 5000])
def test_the_bound_of_a_share_is_clopper_and_pearsons(trials: int) -> None:
    expected = binomtest(trials, trials, alternative="greater").proportion_ci(0.95, "exact")
    assert share_at_least(trials) == pytest.approx(expected.low)
    assert unanimous(1.0, trials) == pytest.approx({"low": expected.low, "high": 1.0})
    none = binomtest(0, trials, alternative="less").proportion_ci(0.95, "exact")
    assert unanimous(0.0, trials) == pytest.approx({"low": 0.0, "high": none.high})


def test_the_bound_of_hanley_and_lippman_hand() -> None:
    """None of 14 patients had a reaction: up to 19.3 % may have one, where the rule of three says 21.4 %."""
    assert unanimous(0.0, 14)["high"] == pytest.approx(0.193, abs=5e-4)
    assert unanimous(0.0, 1000)["high"] == pytest.approx(3 / 1000, rel=5e-3)


def test_no_trial_bounds_nothing() -> None:
    assert unanimous(0.8, 0) == {"low": 0.0, "high": 1.0}


def test_a_bootstrap_that_has_a_width_is_left_as_it_is() -> None:
    found = np.linspace(0.2, 0.4, 1001)
    assert bounded(found, 3) == pytest.approx({"low": 0.205, "high": 0.395})


def test_classes_apart_give_a_bound_by_people_and_not_by_pictures() -> None:
    """Nine people with ten photos each against 81 fakes of nobody: the default run."""
    reals = frame(0, np.linspace(-9, -5, 90), [f"p{i % 9}" for i in range(90)])
    found = measured(reals, frame(1, np.linspace(5, 9, 81)), 0.5, 100, 4)
    assert (found["auc"]["low"], found["auc"]["high"]) == pytest.approx((0.05 ** (1 / 9), 1.0))
    assert (found["eer"]["low"], found["eer"]["high"]) == pytest.approx((0.0, 1 - 0.025 ** (1 / 9)))
    assert (found["fpr"]["low"], found["fpr"]["high"]) == pytest.approx((0.0, 1 - 0.05 ** (1 / 9)))
    assert (found["tpr"]["low"], found["tpr"]["high"]) == pytest.approx((0.05 ** (1 / 81), 1.0))
    around = {name: (one["low"], one["high"]) for name, one in found["intervals"].items()}
    assert around["accuracy"] == pytest.approx((0.05 ** (1 / 90), 1.0)), "9 people and 81 fakes"
    assert around["balanced_accuracy"] == pytest.approx((0.05 ** (1 / 18), 1.0))
    assert around["recall"] == around["precision"] == pytest.approx((0.05 ** (1 / 81), 1.0))
    assert found["people"] == {
        "reals": {"people": 9, "without_identity": 0},
        "fakes": {"people": 0, "without_identity": 81},
    }


def test_the_wrong_way_round_has_an_upper_bound() -> None:
    found = measured(frame(0, np.linspace(5, 9, 30)), frame(1, np.linspace(-9, -5, 30)), 0.5, 100, 4)
    assert (found["auc"]["low"], found["auc"]["high"]) == pytest.approx((0.0, 1 - 0.05 ** (1 / 30)))
    assert found["eer"]["low"] == pytest.approx(0.025 ** (1 / 30))
    for name in ("accuracy", "balanced_accuracy", "recall", "precision", "f1"):
        assert found[name] == 0.0
        assert 0 < found["intervals"][name]["high"] < 0.2, name


def test_one_person_has_no_interval() -> None:
    reals, fakes = frame(0, [-1.0, 0.5, -2.0], ["a"] * 3), frame(1, [1.0, 0.2, 2.0], ["a"] * 3)
    found = measured(reals, fakes, 0.5, 100, 4)
    assert (found["auc"]["low"], found["auc"]["high"]) == (0.0, 1.0)


def test_a_detector_that_calls_everybody_real_has_half_a_balanced_accuracy() -> None:
    found = measured(frame(0, np.linspace(-5, -2, 20)), frame(1, np.linspace(-5, -1, 40)), 0.5, 100, 4)
    around = found["intervals"]["balanced_accuracy"]
    assert (around["low"], around["high"]) == pytest.approx((0.05 ** (1 / 20) / 2, 1 - 0.05 ** (1 / 20) / 2))


@pytest.mark.parametrize("name", list(BOUNDS))
def test_the_truth_lies_within_the_bound_in_95_of_100_samples(name: str) -> None:
    """Samples of a population in which one of 20 people is wrong: the bounds of samples without an error, and the
    share of all samples whose bound misses the truth."""
    people, wrong = 12, 0.05
    random = np.random.default_rng(1)
    # the population: logits -1 and 1, swapped for the share `wrong` of either class
    big = 4000
    flip = (np.arange(big) % 20 == 0) * -2.0 + 1
    population = measured(frame(0, -flip), frame(1, flip), 0.5, 100, 4)
    truth = population[name]["value"] if name in ("auc", "eer", "average_precision") else population[name]
    missed = 0
    for _ in range(400):
        signs = np.where(random.random(2 * people) < wrong, -1.0, 1.0)
        if (signs < 0).any():
            continue  # a bootstrap with a width
        labels = np.repeat([0, 1], people)
        trials = Trials.of(labels, labels == 1, np.arange(2 * people))
        perfect = 1.0 if population[name] != 0 and name not in ("eer", "mse", "rmse", "log_loss") else 0.0
        around = interval_of(name, np.full(100, perfect), trials)
        missed += not around["low"] <= truth <= around["high"]
    assert missed <= 0.05 * 400
    assert wrong < 1 - share_at_least(people), "else the test would say nothing"


def test_two_detectors_that_are_never_wrong_differ_by_an_unknown_little() -> None:
    both = pd.concat([frame(0, np.linspace(-9, -5, 20)), frame(1, np.linspace(5, 9, 30))], ignore_index=True)
    found = compare(join_predictions(both, both), (0.5, 0.5), 100, 4)
    margin = 1 - 0.05 ** (1 / 20)
    for test in ("delong", "people"):
        assert (found[test]["low"], found[test]["high"]) == pytest.approx((-margin, margin)), test
    assert found["delong"]["p"] == 1.0
    upside_down = both.assign(logit=-both["logit"], score=1 - both["score"])
    found = compare(join_predictions(both, upside_down), (0.5, 0.5), 100, 4)
    assert found["delong"] == pytest.approx(
        {"difference": 1.0, "se": 0.0, "low": 2 * 0.05 ** (1 / 20) - 1, "high": 1.0, "p": 2.0**-19}
    )


def test_a_cue_that_tells_all_apart_has_a_bound() -> None:
    assert _with_interval(1.0, 40, 200) == pytest.approx({"auc": 1.0, "low": 0.05 ** (1 / 40), "high": 1.0})
    assert _with_interval(0.9, 40, 200)["low"] == pytest.approx(0.8597, abs=5e-4)
