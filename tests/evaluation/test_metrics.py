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

from unseen.evaluation.bootstrap import Resampling, resample_counts, strata
from unseen.evaluation.metrics import pair_metrics, roc_points
from unseen.evaluation.scored import Frozen, Scored

from .made_up import bell, frame, measured, with_seeds


def auc_interval(both: pd.DataFrame, resamples: int, seed: int) -> tuple[float, float]:
    found = measured(both[both["label"] == 0], both[both["label"] == 1], 0.5, resamples, seed)
    return found["auc"]["low"], found["auc"]["high"]


def test_pair_metrics_worked_by_hand() -> None:
    # thresholds at logit 1: reals 1 of 4 above, fakes 2 of 4; 13 of 16 pairs are in order and 1 is a tie
    reals, fakes = frame(0, [-3.0, -1.0, 0.0, 2.0]), frame(1, [0.0, 0.5, 3.0, 4.0])
    found = measured(reals, fakes, 1 / (1 + np.exp(-1)), 100, 4)
    assert found["auc"]["value"] == (13 + 0.5) / 16
    assert found["fpr"]["share"] == 0.25
    assert found["tpr"]["share"] == 0.5
    assert found["accuracy"] == 5 / 8
    assert found["balanced_accuracy"] == (0.5 + 0.75) / 2


def test_pair_metrics_agree_with_scikit_learn() -> None:
    reals, fakes = frame(0, bell(-1, 60, 1)), frame(1, bell(1, 25, 2))
    found = measured(reals, fakes, 0.6, 100, 4)
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
    found = measured(frame(0, [-1.0, 1e6]), frame(1, [1.0, 2.0]), 0.5, 100, 4)
    assert 5 < found["log_loss"] < 20


def test_auc_ranks_logits_and_not_saturated_scores() -> None:
    reals, fakes = frame(0, [50.0, 51.0]), frame(1, [60.0, 61.0])
    assert set(reals["score"]) | set(fakes["score"]) == {1.0}
    assert measured(reals, fakes, 0.5, 100, 4)["auc"]["value"] == 1.0


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


def test_every_resample_has_both_classes() -> None:
    low, high = auc_interval(pd.concat([frame(0, [0.0]), frame(1, [1.0])], ignore_index=True), 100, 4)
    assert (low, high) == pytest.approx((0.05, 1.0)), "one pair, which every resample has"


def roc_of(reals: pd.DataFrame, fakes: pd.DataFrame) -> np.ndarray:
    curve = roc_points(Scored.joined([Scored.of(reals), Scored.of(fakes)]))
    assert set(curve["seed"]) == {4}
    return curve[["fpr", "tpr"]].to_numpy()


def test_roc_has_its_corners_and_the_curves_area() -> None:
    reals, fakes = frame(0, bell(-1, 200, 1)), frame(1, bell(1, 200, 2))
    points = roc_of(reals, fakes)
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1].tolist() == [1.0, 1.0]
    assert (np.diff(points, axis=0) >= 0).all()
    area = measured(reals, fakes, 0.5, 100, 4)["auc"]["value"]
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(area)
    assert len(points) < 150, "points on a straight line are left out"


def test_roc_of_separated_classes_goes_through_the_corner() -> None:
    points = roc_of(frame(0, bell(-9, 50, 1)), frame(1, bell(9, 50, 2)))
    assert [0.0, 1.0] in points.tolist()
    assert len(points) <= 4


def test_frozen_thresholds_at_a_share_of_false_alarms_are_not_the_oracles() -> None:
    # at logit 1.5 no real is called fake and two of four fakes are; the oracle goes below one of the 20 reals
    reals, fakes = frame(0, [*np.linspace(-5, 0.5, 19), 1.4]), frame(1, [0.0, 1.2, 2.0, 3.0])
    frozen = {4: Frozen(0.5, at_fpr={"fpr_5": float(1 / (1 + np.exp(-1.5)))})}
    found = pair_metrics(Scored.of(reals), Scored.of(fakes), frozen, Resampling())["at_fpr"]
    assert set(found) == {"fpr_0_5", "fpr_1", "fpr_5"}
    assert set(found["fpr_1"]) == {"oracle"}, "no threshold was frozen for it"
    assert (found["fpr_5"]["frozen"]["fpr"]["share"], found["fpr_5"]["frozen"]["tpr"]["share"]) == (0.0, 0.5)
    assert (found["fpr_5"]["oracle"]["fpr"]["share"], found["fpr_5"]["oracle"]["tpr"]["share"]) == (0.05, 0.75)


@pytest.mark.parametrize(("reals", "measurable"), [(199, False), (200, True)])
def test_an_fpr_below_one_real_is_not_measurable(reals: int, measurable: bool) -> None:
    both = [Scored.of(frame(0, bell(-1, reals, 1))), Scored.of(frame(1, bell(1, 30, 2)))]
    for of_validation, of_these in ((reals, 400), (400, reals)):
        sides = [Scored.of(frame(0, bell(-1, of_these, 1))), both[1]]
        frozen = {4: Frozen(0.5, at_fpr={"fpr_0_5": 0.9}, validation_reals=of_validation)}
        found = pair_metrics(*sides, frozen, Resampling())["at_fpr"]["fpr_0_5"]
        short, where = ("frozen", "validation reals") if of_validation == reals else ("oracle", "reals")
        other = {"frozen": "oracle", "oracle": "frozen"}[short]
        assert found[other]["tpr"]["share"] > 0
        if measurable:
            assert found[short]["tpr"]["share"] > 0
        else:
            assert (found[short]["tpr"], found[short]["fpr"]) == (None, None)
            assert found[short]["reason"] == f"not measurable with 199 {where}"


def test_the_temperature_moves_probabilities_and_no_rank() -> None:
    reals, fakes = frame(0, bell(-4, 300, 1)), frame(1, bell(1, 300, 2))
    colder = [some.assign(score=1 / (1 + np.exp(-some["logit"] / 3))) for some in (reals, fakes)]
    before, after = measured(reals, fakes, 0.5, 100, 4), measured(*colder, 0.5, 100, 4)
    assert after["before_temperature"] == before["before_temperature"]
    assert before["before_temperature"] == pytest.approx(
        {name: before[name] for name in ("mse", "rmse", "log_loss", "ece")}
    )
    assert after["ece"] > before["ece"] + 0.05
    for name in ("auc", "average_precision", "eer", "accuracy", "confusion"):
        assert after[name] == before[name]


def test_every_plain_number_lies_in_its_interval() -> None:
    found = measured(frame(0, bell(-0.5, 80, 1)), frame(1, bell(0.5, 50, 2)), 0.6, 300, 4)
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
    found = measured(both[both["label"] == 0], both[both["label"] == 1], 0.6, 100, 4)
    people = pd.factorize(both["identity"])[0]
    anew: dict[str, list[float]] = {"auc": [], "average_precision": [], "f1": [], "log_loss": []}
    for counts in resample_counts(strata(both["label"].to_numpy(), people), Resampling(100, 4)):
        some = both.loc[np.repeat(np.arange(60), counts[people])]
        anew["auc"].append(roc_auc_score(some["label"], some["logit"]))
        anew["average_precision"].append(average_precision_score(some["label"], some["logit"]))
        anew["f1"].append(f1_score(some["label"], some["score"] >= 0.6))
        anew["log_loss"].append(log_loss(some["label"], some["score"]))
    for name, values in anew.items():
        around = found[name] if name in ("auc", "average_precision") else found["intervals"][name]
        assert [around["low"], around["high"]] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist()), name


# ---- people, classes and training seeds


def test_prevalence_does_not_wander_in_resamples() -> None:
    """Nine real people among 190 fakes: resamples that draw people of both classes together have 3 to 16 of them."""
    reals = frame(0, bell(-0.3, 90, 1), [f"p{i % 9}" for i in range(90)])
    fakes = frame(1, bell(0.3, 190, 2))
    found = measured(reals, fakes, resamples=1000)["average_precision"]
    both = pd.concat([reals, fakes], ignore_index=True)
    people = pd.factorize(both["identity"])[0]
    random, together, apart = np.random.default_rng(3), [], []
    groups = [np.flatnonzero(people < 9), np.flatnonzero(people >= 9)]
    rows = [np.flatnonzero(people == person) for person in range(199)]
    for _ in range(400):
        for drawn, people_drawn in (
            (together, random.integers(199, size=199)),
            (apart, np.concatenate([random.integers(9, size=9), random.integers(9, 199, size=190)])),
        ):
            some = both.loc[np.concatenate([rows[person] for person in people_drawn])]
            drawn.append(average_precision_score(some["label"], some["logit"]))
    assert len(groups[1]) == 190
    wide, narrow = (np.subtract(*np.quantile(one, [0.975, 0.025])) for one in (together, apart))
    assert found["high"] - found["low"] == pytest.approx(narrow, rel=0.15)
    assert found["high"] - found["low"] < 0.75 * wide


def drawn_seeds(spread: float, seeds: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of several trainings, whose fakes differ in the mean of their logits by `spread`."""
    shifts = spread * np.linspace(-1, 1, seeds)
    reals, fakes = bell(-0.5, 80, 1), bell(0.5, 60, 2)
    return (
        with_seeds(*(frame(0, reals) for _ in shifts)),
        with_seeds(*(frame(1, fakes + shift) for shift in shifts)),
    )


def test_each_number_is_the_mean_over_training_seeds_at_their_own_thresholds() -> None:
    reals, fakes = drawn_seeds(0.8)
    frozen = {4: Frozen(0.4), 5: Frozen(0.5), 6: Frozen(0.6)}
    found = pair_metrics(Scored.of(reals), Scored.of(fakes), frozen, Resampling(100, 4))
    alone = {
        str(seed): measured(reals[reals["seed"] == seed], fakes[fakes["seed"] == seed], one.threshold)
        for seed, one in frozen.items()
    }
    for name in ("auc", "average_precision", "eer"):
        assert found[name]["seeds"] == {seed: one[name]["value"] for seed, one in alone.items()}
        assert found[name]["value"] == pytest.approx(np.mean(list(found[name]["seeds"].values())))
    for name in ("tpr", "fpr"):
        assert found[name]["seeds"] == {seed: one[name]["share"] for seed, one in alone.items()}
        assert found[name]["share"] == pytest.approx(np.mean(list(found[name]["seeds"].values())))
    for name, around in found["intervals"].items():
        assert around["seeds"] == {seed: one[name] for seed, one in alone.items()}
        assert found[name] == pytest.approx(np.mean(list(around["seeds"].values())))
    assert found["ece"] == pytest.approx(np.mean([one["ece"] for one in alone.values()]))
    assert found["by_seed"] == {
        seed: one["by_seed"]["4"] if seed == "4" else one["by_seed"][seed] for seed, one in alone.items()
    }
    hits = [one["confusion"]["true_positives"] for one in alone.values()]
    assert found["confusion"]["true_positives"] == pytest.approx(np.mean(hits))


def test_one_seed_or_three_alike_have_the_interval_over_people() -> None:
    one, three = drawn_seeds(0, seeds=1), drawn_seeds(0)
    first, second = (measured(*some, resamples=200) for some in (one, three))
    for name in ("auc", "average_precision", "eer"):
        assert (second[name]["low"], second[name]["high"]) == pytest.approx((first[name]["low"], first[name]["high"]))
    assert (second["tpr"]["low"], second["tpr"]["high"]) == pytest.approx((first["tpr"]["low"], first["tpr"]["high"]))


def test_seeds_that_differ_widen_the_interval() -> None:
    """Against a plain loop over people and training seeds."""
    reals, fakes = drawn_seeds(0.8)
    found, alike = (measured(*some, resamples=1000) for some in ((reals, fakes), drawn_seeds(0)))
    parts = [(reals[reals["seed"] == seed], fakes[fakes["seed"] == seed]) for seed in (4, 5, 6)]
    random, aucs, tprs = np.random.default_rng(5), [], []
    for _ in range(1500):
        seeds, rows = random.integers(3, size=3), (random.integers(80, size=80), random.integers(60, size=60))
        logits = [
            [side["logit"].to_numpy()[row] for side, row in zip(parts[seed], rows, strict=True)] for seed in seeds
        ]
        aucs.append(np.mean([(fake[:, None] > real).mean() for real, fake in logits]))
        tprs.append(np.mean([(fake >= 0).mean() for _, fake in logits]))
    for interval, plain in ((found["auc"], aucs), (found["tpr"], tprs)):
        low, high = np.quantile(plain, [0.025, 0.975])
        assert (interval["low"], interval["high"]) == pytest.approx((low, high), abs=0.03)
    for name in ("auc", "tpr"):
        assert found[name]["high"] - found[name]["low"] > 1.2 * (alike[name]["high"] - alike[name]["low"])
