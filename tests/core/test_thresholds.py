"""Thresholds from reals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.core.thresholds import FPRS, threshold_at


def test_five_of_a_hundred_reals_are_false_positives() -> None:
    reals = np.arange(100.0)
    found = [int((reals >= threshold_at(reals, fpr)).sum()) for fpr in (*FPRS.values(), 0.29)]
    assert found == [0, 1, 5, 29]


def test_below_1_of_n_the_threshold_is_just_above_all_reals() -> None:
    assert threshold_at(np.asarray([0.2, 0.7, 0.1]), 0.05) == np.nextafter(0.7, 1)


def test_reals_with_equal_scores_are_all_below_or_all_above_the_threshold() -> None:
    assert threshold_at(np.asarray([0.1] * 10 + [0.9] * 10), 0.4) > 0.9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0, 0.9))
def test_the_threshold_is_the_lowest_that_fits(reals: list[float], fpr: float) -> None:
    values = np.asarray(reals)
    found = threshold_at(values, fpr)
    assert np.mean(values >= found) <= fpr
    assert np.mean(values >= np.nextafter(found, -1)) > fpr


def test_percents_are_in_the_names() -> None:
    assert {name: float(name.removeprefix("fpr_").replace("_", ".")) / 100 for name in FPRS} == pytest.approx(FPRS)
