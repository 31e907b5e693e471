"""AUC, average precision and EER: by hand, against scikit-learn, and under weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from unseen.evaluation.bootstrap import Resampling, resample_counts, seed_counts, strata
from unseen.evaluation.ranking import Ranking, resampled_aucs

FACES = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=30)


def ranked(labels: list[int], values: list[float]) -> Ranking:
    return Ranking(np.asarray(labels), np.asarray(values, float))


def test_eer_between_two_points_of_the_curve() -> None:
    # thresholds down from above all: (FPR, missed) = (0, 1), (0, 1/2), (1/3, 1/2), (2/3, 1/2), (2/3, 0), (1, 0)
    found = ranked([0, 1, 0, 0, 1], [-2, -1, 0, 1, 2]).all_once()
    assert found.eer == pytest.approx(1 / 2), "on the line from (1/3, 1/2) to (2/3, 1/2)"


def test_eer_of_one_tie() -> None:
    # all four faces at one value: the curve is the diagonal
    assert ranked([0, 0, 1, 1], [5, 5, 5, 5]).all_once() == (0.5, 0.5, 0.5)


def test_separated_either_way() -> None:
    assert ranked([0, 0, 1], [1, 2, 3]).all_once() == (1.0, 1.0, 0.0)
    assert ranked([1, 0, 0], [1, 2, 3]).all_once() == (0.0, pytest.approx(1 / 3), 1.0)


@settings(max_examples=200, deadline=None)
@given(FACES)
def test_weights_are_repetitions(faces: list[tuple[int, int, int]]) -> None:
    labels, values, weights = (np.asarray(column) for column in zip(*faces, strict=True))
    ranking = Ranking(labels, values.astype(float))
    found = ranking.weighted(weights[ranking.reals], weights[ranking.fakes])
    again, repeated = np.repeat(labels, weights), np.repeat(values, weights)
    if len(set(again.tolist())) < 2:
        assert found is None
        return
    assert found is not None
    assert found.auc == pytest.approx(roc_auc_score(again, repeated))
    assert found.average_precision == pytest.approx(average_precision_score(again, repeated))
    fpr, tpr, _ = roc_curve(again, repeated, drop_intermediate=False)
    along = np.linspace(0, len(fpr) - 1, 100 * (len(fpr) - 1) + 1)  # a walk along the curve
    x, y = (np.interp(along, np.arange(len(fpr)), rates) for rates in (fpr, 1 - tpr))
    assert found.eer == pytest.approx(x[np.abs(x - y).argmin()], abs=0.011)


def test_resampled_aucs_are_those_of_the_faces_of_the_drawn_people() -> None:
    """Of two detectors, one with two training seeds; the same people are drawn for both."""
    random, how = np.random.default_rng(1), Resampling(20, 3)
    labels, people = np.array([0, 0, 1, 1, 0, 1, 0, 1]), np.array([0, 1, 2, 3, 4, 4, 5, 6])
    values = [random.normal(size=(2, 8)), random.normal(size=(1, 8))]
    rankings = [[Ranking(labels, row) for row in of] for of in values]
    drawn = [seed_counts(2, how), seed_counts(1, how)]
    found = resampled_aucs(rankings, drawn, labels, people, how)
    assert [one.shape for one in found] == [(20, 2), (20, 1)]
    for number, counts in enumerate(resample_counts(strata(labels, people), how)):
        weights = counts[people]
        for aucs, of, times in zip(found, values, drawn, strict=True):
            for seed, row in enumerate(of):
                expected = roc_auc_score(labels, row, sample_weight=weights) if times[number, seed] else 0.0
                assert aucs[number, seed] == pytest.approx(expected)
