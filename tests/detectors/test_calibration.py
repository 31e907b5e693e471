"""The frozen numbers: temperature, threshold, unsure band. Verdicts compare scores, so scores are checked."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.detectors.shared.calibration import calibrate, log_loss
from unseen.detectors.shared.settings import CalibrationSettings

KNOBS = CalibrationSettings(max_fpr=0.05, unsure_tail=0.01)
LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=60)
FEW_LOGITS = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), min_size=1, max_size=60)  # with many ties
SHARES = st.one_of(st.integers(1, 60).map(lambda percent: percent / 100), st.floats(0.001, 0.6))


def labels_of(reals: Any, fakes: Any) -> np.ndarray:
    return np.repeat([0, 1], [len(reals), len(fakes)])


def frozen(reals: Any, fakes: Any, max_fpr: float = 0.05, unsure_tail: float = 0.01) -> Calibration:
    knobs = CalibrationSettings(max_fpr=max_fpr, unsure_tail=unsure_tail)
    return calibrate(np.concatenate([reals, fakes]), labels_of(reals, fakes), knobs)


def share_called_fake(calibration: Calibration, logits: Any) -> float:
    return float(np.mean(calibration.score(logits) >= calibration.threshold))


def bell(mean: float, spread: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, count)


def test_thresholds_at_other_shares_of_false_alarms_come_from_the_reals_alone() -> None:
    reals = bell(-2, 1.5, 1000, 1)
    found, other = frozen(reals, bell(2, 1.5, 100, 2)), frozen(reals, bell(9, 1.5, 100, 3))
    fpr = {name: float(np.mean(found.score(reals) >= t)) for name, t in found.at_fpr.items()}
    assert fpr == {"fpr_0_5": 0.005, "fpr_1": 0.01, "fpr_5": 0.05}
    assert found.at_fpr["fpr_5"] <= found.threshold, "which may lie in the middle of a gap"
    on_logits = [
        {name: one.temperature * np.log(t / (1 - t)) for name, t in one.at_fpr.items()} for one in (found, other)
    ]
    assert on_logits[0] == pytest.approx(on_logits[1])


def test_an_artifact_from_before_has_neither_such_thresholds_nor_the_tail() -> None:
    card = frozen([0.0, 1.0], [2.0, 3.0], unsure_tail=0.03).as_dict()
    assert card.pop("unsure_tail") == 0.03
    del card["at_fpr"]
    found = Calibration.from_dict(card)
    assert (found.at_fpr, found.unsure_tail) == ({}, None)


@pytest.mark.parametrize("spread", [0.3, 3.0, 20.0])
def test_temperature_is_the_best_of_a_grid(spread: float) -> None:
    reals, fakes = bell(-spread, 2 * spread, 300, 1), bell(spread, 2 * spread, 200, 2)
    logits, labels = np.concatenate([reals, fakes]), labels_of(reals, fakes)
    target = np.where(labels == 1, 201 / 202, 1 / 302)  # Platt's
    grid = np.exp(np.linspace(np.log(0.01), np.log(100), 2000))
    z = logits[:, None] / grid
    losses = np.mean(np.logaddexp(0, z) - target[:, None] * z, 0)
    assert frozen(reals, fakes).temperature == pytest.approx(grid[losses.argmin()], rel=0.01)


def test_temperature_undoes_a_scaled_logit() -> None:
    logits = np.random.default_rng(3).normal(0, 2, 4000)
    labels = (np.random.default_rng(4).random(4000) < expit(logits)).astype(np.int64)
    assert calibrate(5 * logits, labels, KNOBS).temperature == pytest.approx(5, rel=0.1)


def test_separated_classes_are_no_surer_than_platt() -> None:
    found = frozen([-1.0] * 18, [1.0] * 18)
    assert 0.01 < found.temperature < 1
    assert found.score([1.0])[0] == pytest.approx(19 / 20, abs=1e-3)
    assert found.score([-1.0])[0] == pytest.approx(1 / 20, abs=1e-3)
    assert found.validation["fpr"] == 0
    assert found.validation["tpr"] == 1
    assert found.threshold == pytest.approx(0.5), "in the middle between the classes"


def test_calibration_lowers_the_log_loss_of_an_overconfident_detector() -> None:
    found = frozen(bell(-3, 6, 400, 1), bell(3, 6, 400, 2))
    assert found.validation["log_loss"] < found.validation["log_loss_uncalibrated"]


def test_log_loss_by_hand() -> None:
    by_hand = -(np.log(1 - 1 / (1 + np.exp(-0.5))) + np.log(1 / (1 + np.exp(2.0)))) / 2
    assert log_loss(np.asarray([0.5, -2.0]), np.asarray([0, 1])) == pytest.approx(by_hand)


def test_a_score_far_from_the_threshold_neither_overflows_nor_vanishes() -> None:
    calibration = Calibration(2.0, 0.5, (0.4, 0.6), 0.05, {})
    with np.errstate(all="raise"):
        assert calibration.score([0.0, 1e9]).tolist() == [0.5, 1.0]
        assert calibration.score([-200.0])[0] == pytest.approx(np.exp(-100), rel=1e-12), "1 + tanh gives 0 here"


@settings(max_examples=150, deadline=None)
@given(st.one_of(LOGITS, FEW_LOGITS), st.one_of(LOGITS, FEW_LOGITS), SHARES)
def test_no_more_reals_are_called_fake_than_allowed(reals: list[float], fakes: list[float], max_fpr: float) -> None:
    found = frozen(reals, fakes, max_fpr)
    assert share_called_fake(found, reals) <= max_fpr
    assert found.validation["fpr"] == share_called_fake(found, reals)
    assert found.validation["tpr"] == share_called_fake(found, fakes)


@settings(max_examples=150, deadline=None)
@given(FEW_LOGITS, st.one_of(LOGITS, FEW_LOGITS), SHARES)
def test_no_admissible_threshold_catches_more(reals: list[float], fakes: list[float], max_fpr: float) -> None:
    found = frozen(reals, fakes, max_fpr)
    real_scores, fake_scores = found.score(reals), found.score(fakes)
    candidates = np.concatenate([real_scores, fake_scores])
    admissible = [t for t in candidates if np.mean(real_scores >= t) <= max_fpr]
    best = max((float(np.mean(fake_scores >= t)) for t in admissible), default=0.0)
    assert share_called_fake(found, fakes) == best


def test_a_share_that_floats_cannot_hold_is_not_rounded_down() -> None:
    # 0.29 * 100 is 28.999999999999996; 29 of 100 reals may be false positives
    found = frozen(np.arange(100.0), [70.5], max_fpr=0.29)
    assert found.validation["fpr"] == 0.29
    assert found.validation["tpr"] == 1


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS)
def test_unsure_band_holds_the_threshold(reals: list[float], fakes: list[float]) -> None:
    found = frozen(reals, fakes)
    low, high = found.unsure
    assert 0 <= low <= found.threshold
    assert found.threshold <= high


def test_outside_the_unsure_band_validation_is_nearly_always_right() -> None:
    reals, fakes = bell(-2, 1.5, 2000, 1), bell(2, 1.5, 2000, 2)
    found = frozen(reals, fakes, unsure_tail=0.01)
    low, high = found.unsure
    assert np.mean(found.score(fakes) < low) == pytest.approx(0.01, abs=0.001)
    assert np.mean(found.score(reals) > high) == pytest.approx(0.01, abs=0.001)
    narrow = frozen(reals, fakes, unsure_tail=0.1).unsure
    assert low < narrow[0] < narrow[1] < high


def test_a_score_at_the_threshold_is_called_fake() -> None:
    reals, fakes = [0.0] * 20, [1.0] * 20
    found = frozen(reals, fakes)
    assert found.threshold == found.score([0.5])[0]  # the middle of the gap
    at_threshold = dataclasses.replace(found, threshold=float(found.score([0.5])[0]))
    assert share_called_fake(at_threshold, [0.5]) == 1
    assert share_called_fake(at_threshold, [0.5 - 1e-6]) == 0


@pytest.mark.parametrize("logit", [0.0, -3.7, 25.0])
def test_a_detector_that_says_the_same_of_everybody_flags_nobody(logit: float) -> None:
    found = frozen([logit] * 30, [logit] * 30)
    assert share_called_fake(found, [logit] * 30) == 0


def test_scores_that_saturate_flag_no_more_reals_than_allowed() -> None:
    reals, fakes = np.linspace(5000, 6000, 40), np.linspace(6500, 7000, 40)
    found = frozen(reals, fakes)
    assert share_called_fake(found, reals) <= 0.05


def test_reals_beside_a_caught_fake_by_one_float_stay_unflagged() -> None:
    real = 1.0
    found = frozen([real] * 40, [np.nextafter(real, 2)] * 40)
    assert share_called_fake(found, [real]) == 0


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS, st.permutations(range(10)))
def test_the_order_of_pictures_is_no_matter(reals: list[float], fakes: list[float], order: list[int]) -> None:
    logits, labels = np.concatenate([reals, fakes]), labels_of(reals, fakes)
    assume(len(logits) >= 10)
    shuffled = np.concatenate([np.asarray(order), np.arange(10, len(logits))])
    first, second = calibrate(logits, labels, KNOBS), calibrate(logits[shuffled], labels[shuffled], KNOBS)
    assert second.threshold == pytest.approx(first.threshold, abs=1e-6)
    assert second.temperature == pytest.approx(first.temperature, rel=1e-4)


@pytest.mark.parametrize(("reals", "fakes"), [([], [1.0]), ([1.0], []), ([], [])])
def test_a_class_without_faces_is_one_line(reals: list[float], fakes: list[float]) -> None:
    with pytest.raises(UserError, match=f"{len(reals)} real and {len(fakes)} fake") as error:
        frozen(reals, fakes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_one_line(bad: float) -> None:
    with pytest.raises(UserError, match="not finite") as error:
        frozen([0.0, bad], [1.0])
    assert "\n" not in str(error.value)


def test_round_trip_through_the_card() -> None:
    found = frozen(bell(-1, 1, 50, 1), bell(1, 1, 50, 2))
    assert Calibration.from_dict(json.loads(json.dumps(found.as_dict()))) == found
