"""Intervals where a bootstrap has none: each resample gave the same number, for instance an AUC of 1.

Nine people of whom none was ever called fake do not show that nobody ever will be. What they show is Clopper and
Pearson's exact bound (1934): if a trial comes out so with probability q, then k trials all do with probability q^k,
and q is refuted at 95 % where that is below 0.05. So q is at least 0.05^(1/k), which for larger k is the rule of
three, 1 - 3/k (Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?").

A trial must be independent of the others. Ten pictures of one person are not, so a trial is a person, and for numbers
about both classes a real person and another person's fake. That the mean over such disjoint pairs bounds a number
about all pairs, such as the AUC, is Hoeffding's argument for U-statistics (1963, section 5b). The bounds are
conservative: the truth lies within them in at least 95 % of cases.
"""

TAIL = 0.05
SAME = 1e-9
"""Resamples that differ by less differ by rounding."""


def share_at_least(trials: int, tail: float = TAIL) -> float:
    """The least probability of what happened in each of so many independent trials; 0 where there was none."""
    return tail ** (1 / trials) if trials else 0.0


def unanimous(
    value: float, trials: int, least: float = 0.0, most: float = 1.0, tail: float = TAIL
) -> dict[str, float]:
    """Bounds of a mean of which each trial gave `value`.

    At least a share q of all trials comes out so, the rest may be anything from `least` to `most`. At a value of
    `least` or `most` that is a one-sided bound.
    """
    q = share_at_least(trials, tail)
    return {"low": q * value + (1 - q) * least, "high": q * value + (1 - q) * most}
