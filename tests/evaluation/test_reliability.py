"""Scores as probabilities: by hand and against scikit-learn's calibration curve."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from unseen.evaluation.reliability import BINS, probability_errors, reliability


def test_errors_worked_by_hand() -> None:
    # two bins: three faces at .9 of which two are fake, one at .1 that is real
    found = probability_errors(np.asarray([1, 1, 0, 0]), np.asarray([0.9, 0.9, 0.9, 0.1]))
    assert found["mse"] == pytest.approx((0.01 + 0.01 + 0.81 + 0.01) / 4)
    assert found["rmse"] == pytest.approx(0.21**0.5)
    assert found["log_loss"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4)
    assert found["ece"] == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.1)


def test_the_curve_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(5)
    scores = np.concatenate([random.random(500), np.linspace(0, 1, BINS + 1)])
    labels = (random.random(len(scores)) < scores).astype(np.int64)
    curve = reliability(labels, scores)
    observed, predicted = calibration_curve(labels, scores, n_bins=BINS)
    assert curve["observed"].to_numpy() == pytest.approx(observed)
    assert curve["predicted"].to_numpy() == pytest.approx(predicted)
    assert curve["n"].sum() == len(scores)
    assert probability_errors(labels, scores)["mse"] == pytest.approx(brier_score_loss(labels, scores))


def test_bins_without_a_face_are_left_out() -> None:
    curve = reliability(np.asarray([0, 1]), np.asarray([0.0, 1.0]))
    assert curve["low"].tolist() == [0.0, pytest.approx(14 / 15)]
    assert curve["high"].tolist() == [pytest.approx(1 / 15), 1.0]
    assert curve["observed"].tolist() == curve["predicted"].tolist() == [0.0, 1.0]


def test_scores_that_are_probabilities_are_reliable_and_doubled_logits_are_not() -> None:
    random = np.random.default_rng(6)
    logits = random.normal(0, 2, 20_000)
    labels = (random.random(20_000) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    honest, boasting = (probability_errors(labels, 1 / (1 + np.exp(-k * logits))) for k in (1, 2))
    assert honest["ece"] < 0.02 < 0.05 < boasting["ece"]
    assert honest["log_loss"] < boasting["log_loss"]
