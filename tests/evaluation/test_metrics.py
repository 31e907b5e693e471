"""Metrics against scikit-learn, numbers worked by hand and examples from the literature."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)

from unseen.evaluation.bootstrap import resample_counts
from unseen.evaluation.metrics import pair_metrics, roc_points
from unseen.evaluation.shares import rate_above, share

from .made_up import bell, frame


def auc_interval(both: pd.DataFrame, resamples: int, seed: int) -> tuple[float, float]:
    found = pair_metrics(both[both["label"] == 0], both[both["label"] == 1], 0.5, resamples, seed)
    return found["auc"]["low"], found["auc"]["high"]


def test_wilson_interval_of_the_textbook() -> None:
    found = share(10, 100)
    assert found["share"] == 0.1
    assert found["n"] == 100
    assert found["low"] == pytest.approx(0.0552, abs=5e-5)
    assert found["high"] == pytest.approx(0.1744, abs=5e-5)


def test_wilson_interval_of_newcombe() -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I, method 3."""
    for hits, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]:
        found = share(hits, n)
        assert (found["low"], found["high"]) == pytest.approx((low, high), abs=5e-5)


def test_flagged_counts_a_score_at_the_threshold() -> None:
    scores = frame(1, [0.0, 1.0, -1.0, 0.0])
    assert rate_above(scores, 0.5)["share"] == 0.75
    assert rate_above(scores, np.nextafter(0.5, 1))["share"] == 0.25


def test_pair_metrics_worked_by_hand() -> None:
    # thresholds at logit 1: reals 1 of 4 above, fakes 2 of 4; 13 of 16 pairs are in order and 1 is a tie
    reals, fakes = frame(0, [-3.0, -1.0, 0.0, 2.0]), frame(1, [0.0, 0.5, 3.0, 4.0])
    found = pair_metrics(reals, fakes, 1 / (1 + np.exp(-1)), 100, 4)
    assert found["auc"]["value"] == (13 + 0.5) / 16
    assert found["fpr"]["share"] == 0.25
    assert found["tpr"]["share"] == 0.5
    assert found["accuracy"] == 5 / 8
    assert found["balanced_accuracy"] == (0.5 + 0.75) / 2


def test_pair_metrics_agree_with_scikit_learn() -> None:
    reals, fakes = frame(0, bell(-1, 60, 1)), frame(1, bell(1, 25, 2))
    found = pair_metrics(reals, fakes, 0.6, 100, 4)
    labels = np.repeat([0, 1], [60, 25])
    scores = np.concatenate([reals["score"], fakes["score"]])
    said = scores >= 0.6
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, scores))
    assert found["average_precision"]["value"] == pytest.approx(average_precision_score(labels, scores))
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, said))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, said))
    assert found["log_loss"] == pytest.approx(log_loss(labels, scores))
    assert found["tpr"]["n"] == 25
    assert found["fpr"]["n"] == 60


def test_one_saturated_mistake_leaves_the_log_loss_finite() -> None:
    found = pair_metrics(frame(0, [-1.0, 1e6]), frame(1, [1.0, 2.0]), 0.5, 100, 4)
    assert 5 < found["log_loss"] < 20


def test_auc_ranks_logits_and_not_saturated_scores() -> None:
    reals, fakes = frame(0, [50.0, 51.0]), frame(1, [60.0, 61.0])
    assert set(reals["score"]) | set(fakes["score"]) == {1.0}
    assert pair_metrics(reals, fakes, 0.5, 100, 4)["auc"]["value"] == 1.0


def test_copies_of_a_person_make_the_interval_no_narrower() -> None:
    reals, fakes = bell(-0.5, 15, 1), bell(0.5, 15, 2)
    alone = pd.concat([frame(0, reals), frame(1, fakes)], ignore_index=True)
    copied = [frame(label, np.repeat(logits, 10)) for label, logits in ((0, reals), (1, fakes))]
    by_picture = pd.concat(copied, ignore_index=True)
    by_person = by_picture.assign(identity=np.repeat([f"p{i}" for i in range(30)], 10))
    widths = [high - low for low, high in (auc_interval(some, 400, 4) for some in (alone, by_picture, by_person))]
    assert widths[2] > 2 * widths[1]
    assert widths[2] == pytest.approx(widths[0], rel=0.15)


def test_interval_agrees_with_hanley_and_mcneil() -> None:
    both = pd.concat([frame(0, bell(-0.6, 150, 1)), frame(1, bell(0.6, 150, 2))], ignore_index=True)
    auc = roc_auc_score(both["label"], both["logit"])
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    error = np.sqrt((auc * (1 - auc) + 149 * (q1 - auc**2) + 149 * (q2 - auc**2)) / 150**2)
    low, high = auc_interval(both, 500, 4)
    assert low < auc < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_interval_depends_on_the_seed_alone() -> None:
    both = pd.concat([frame(0, bell(-0.5, 30, 1)), frame(1, bell(0.5, 30, 2))], ignore_index=True)
    np.random.seed(1)
    first = auc_interval(both, 100, 4)
    np.random.seed(2)
    assert auc_interval(both, 100, 4) == first
    assert auc_interval(both, 100, 5) != first


def test_a_resample_without_a_class_is_left_out() -> None:
    low, high = auc_interval(pd.concat([frame(0, [0.0]), frame(1, [1.0])], ignore_index=True), 100, 4)
    assert (low, high) == pytest.approx((0.05, 1.0)), "one pair, which the other resamples have once or twice"


def test_roc_has_its_corners_and_the_curves_area() -> None:
    reals, fakes = frame(0, bell(-1, 200, 1)), frame(1, bell(1, 200, 2))
    points = roc_points(reals, fakes)
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1].tolist() == [1.0, 1.0]
    assert (np.diff(points, axis=0) >= 0).all()
    area = pair_metrics(reals, fakes, 0.5, 100, 4)["auc"]["value"]
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(area)
    assert len(points) < 150, "points on a straight line are left out"


def test_roc_of_separated_classes_goes_through_the_corner() -> None:
    points = roc_points(frame(0, bell(-9, 50, 1)), frame(1, bell(9, 50, 2)))
    assert [0.0, 1.0] in points.tolist()
    assert len(points) <= 4


def test_frozen_thresholds_at_a_share_of_false_alarms_are_not_the_oracles() -> None:
    # at logit 1.5 one of ten reals is flagged and two of four TPR; the oracle goes below none of the reals
    reals, fakes = frame(0, [*np.linspace(-5, 1, 9), 2.5]), frame(1, [0.0, 1.2, 2.0, 3.0])
    frozen = {"fpr_5": float(1 / (1 + np.exp(-1.5)))}
    found = pair_metrics(reals, fakes, 0.5, 100, 4, frozen)["at_fpr"]
    assert set(found) == {"fpr_0_5", "fpr_1", "fpr_5"}
    assert set(found["fpr_1"]) == {"oracle"}, "no threshold was frozen for it"
    assert (found["fpr_5"]["frozen"]["fpr"]["share"], found["fpr_5"]["frozen"]["tpr"]["share"]) == (0.1, 0.5)
    assert (found["fpr_5"]["oracle"]["fpr"]["share"], found["fpr_5"]["oracle"]["tpr"]["share"]) == (0.0, 0.25)


def test_the_temperature_moves_probabilities_and_no_rank() -> None:
    reals, fakes = frame(0, bell(-4, 300, 1)), frame(1, bell(1, 300, 2))
    colder = [some.assign(score=1 / (1 + np.exp(-some["logit"] / 3))) for some in (reals, fakes)]
    before, after = pair_metrics(reals, fakes, 0.5, 100, 4), pair_metrics(*colder, 0.5, 100, 4)
    assert after["before_temperature"] == before["before_temperature"]
    assert before["before_temperature"] == pytest.approx(
        {name: before[name] for name in ("mse", "rmse", "log_loss", "ece")}
    )
    assert after["ece"] > before["ece"] + 0.05
    for name in ("auc", "average_precision", "eer", "accuracy", "confusion"):
        assert after[name] == before[name]


def test_every_plain_number_lies_in_its_interval() -> None:
    found = pair_metrics(frame(0, bell(-0.5, 80, 1)), frame(1, bell(0.5, 50, 2)), 0.6, 300, 4)
    verdicts = {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}
    assert set(found["intervals"]) == verdicts | {"mse", "rmse", "log_loss"}
    for name, around in found["intervals"].items():
        assert around["low"] < found[name] < around["high"], name


def test_the_intervals_are_those_of_resamples_that_are_measured_anew() -> None:
    """The shortcut through weights against a plain loop over the same draws."""
    both = pd.concat(
        [frame(0, np.round(bell(-1, 30, 1), 1)), frame(1, np.round(bell(1, 30, 2), 1))], ignore_index=True
    )
    both["identity"] = [f"p{i % 12}" for i in range(60)]
    found = pair_metrics(both[both["label"] == 0], both[both["label"] == 1], 0.6, 100, 4)
    people = pd.factorize(both["identity"])[0]
    anew: dict[str, list[float]] = {"auc": [], "average_precision": [], "f1": [], "log_loss": []}
    for counts in resample_counts(12, 100, 4):
        some = both.loc[np.repeat(np.arange(60), counts[people])]
        anew["auc"].append(roc_auc_score(some["label"], some["logit"]))
        anew["average_precision"].append(average_precision_score(some["label"], some["logit"]))
        anew["f1"].append(f1_score(some["label"], some["score"] >= 0.6))
        anew["log_loss"].append(log_loss(some["label"], some["score"]))
    for name, values in anew.items():
        around = found[name] if name in ("auc", "average_precision") else found["intervals"][name]
        assert [around["low"], around["high"]] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist()), name
