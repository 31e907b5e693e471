"""Who is resampled together."""

import numpy as np
import pytest

from unseen.evaluation.bootstrap import Resampling, mean_of_drawn, resample_counts, seed_counts, strata


def test_people_are_resampled_among_those_with_faces_of_the_same_classes() -> None:
    """Of a twin and its original, both are drawn or neither."""
    labels, people = np.array([0, 0, 1, 1, 0, 1, 0]), np.array([0, 1, 2, 3, 4, 4, 4])
    groups = strata(labels, people)
    assert [one.tolist() for one in groups] == [[0, 1], [2, 3], [4]]
    for counts in resample_counts(groups, Resampling(50, 1)):
        assert [counts[one].sum() for one in groups] == [2, 2, 1]


def test_training_seeds_are_drawn_with_replacement_and_averaged() -> None:
    drawn = seed_counts(3, Resampling(3000, 1))
    assert set(drawn.sum(1)) == {3}
    assert (drawn == 0).any(1).mean() == pytest.approx(21 / 27, abs=0.03), "all three in 6 of 27 draws"
    values = np.array([[1.0, 2.0, np.nan], [3.0, 5.0, 7.0]])
    assert mean_of_drawn(values, np.array([[2, 1, 0], [1, 1, 1]])).tolist() == [4 / 3, 5.0]
    assert (seed_counts(1, Resampling(5, 1)) == 1).all()
