"""Rates over people and training seeds, against SciPy and a plain bootstrap."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.rates import rate, rate_above
from unseen.evaluation.scored import Scored

from .made_up import frame


def test_flagged_counts_a_score_at_the_threshold() -> None:
    scores = Scored.of(frame(1, [0.0, 1.0, -1.0, 0.0]))
    assert rate_above(scores, 0.5, Resampling())["share"] == 0.75
    assert rate_above(scores, np.nextafter(0.5, 1), Resampling())["share"] == 0.25


def test_a_rate_is_over_people_and_not_over_their_photos() -> None:
    """Ten photos each of 30 people, of whom six are always called fake: the interval is that of 30, not of 300."""
    people = np.repeat(np.arange(30), 10)
    found = rate((people < 6)[None], people, [4], Resampling(2000, 4))
    assert (found["share"], found["n"]) == (0.2, 300)
    ends = binom.ppf([0.025, 0.975], 30, 0.2) / 30
    assert (found["low"], found["high"]) == pytest.approx(tuple(ends), abs=0.02)
    as_photos = rate((people < 6)[None], np.arange(300), [4], Resampling(2000, 4))
    assert found["high"] - found["low"] > 2.5 * (as_photos["high"] - as_photos["low"])


def test_a_rate_is_the_plain_bootstrap_of_people_with_different_numbers_of_photos() -> None:
    random = np.random.default_rng(2)
    people = np.sort(random.integers(0, 25, 120))
    called = np.stack([random.random(120) < share for share in (0.3, 0.5)])
    found = rate(called, people, [4, 5], Resampling(4000, 1))
    plain = []
    rows = [np.flatnonzero(people == person) for person in np.unique(people)]
    for _ in range(4000):
        some = np.concatenate([rows[person] for person in random.integers(len(rows), size=len(rows))])
        plain.append(np.mean([called[seed, some].mean() for seed in random.integers(2, size=2)]))
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=0.015)


@pytest.mark.parametrize("called", [False, True])
def test_a_rate_on_which_all_people_agree_has_the_exact_bound_over_people(called: bool) -> None:
    people = np.repeat(np.arange(9), 10)
    found = rate(np.full((3, 90), called), people, [4, 5, 6], Resampling(100, 4))
    side = "greater" if called else "less"
    exact = binomtest(9 * called, 9, alternative=side).proportion_ci(0.95, "exact")
    assert (found["low"], found["high"]) == pytest.approx((exact.low, exact.high))
