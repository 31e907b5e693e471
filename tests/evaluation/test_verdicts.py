"""Verdicts at a threshold: a textbook's table and scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from unseen.evaluation.verdicts import at_threshold, rates


def test_rates_of_a_table_worked_by_hand() -> None:
    found = rates([20, 180, 10, 1820])
    assert found["precision"] == pytest.approx(0.1)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 * 0.1 * (2 / 3) / (0.1 + 2 / 3))
    assert found["accuracy"] == pytest.approx(1840 / 2030)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 0.91) / 2)


def test_rates_of_many_tables_at_once() -> None:
    found = rates([[1, 0], [1, 0], [0, 2], [2, 2]])
    assert found["accuracy"].tolist() == [0.75, 0.5]
    assert found["precision"].tolist() == [0.5, 0.0], "0 where nothing was called fake"


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_at_threshold_agrees_with_scikit_learn(threshold: float) -> None:
    random = np.random.default_rng(3)
    labels, scores = random.integers(0, 2, 200), np.round(random.random(200), 1)
    found, said = at_threshold(labels, scores, threshold), scores >= threshold
    assert found["precision"] == pytest.approx(metrics.precision_score(labels, said))
    assert found["recall"] == pytest.approx(metrics.recall_score(labels, said))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, said))
    matrix = metrics.confusion_matrix(labels, said, labels=[0, 1]).tolist()
    cells = found["confusion"]
    assert [
        [cells["true_negatives"], cells["false_positives"]],
        [cells["false_negatives"], cells["true_positives"]],
    ] == matrix
