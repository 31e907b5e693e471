"""Confidence bounds for a metric that is the same in every bootstrap resample, for instance an AUC of 1.

The bootstrap interval has no width then. Clopper and Pearson's exact bound (1934) is used instead: if an outcome has
probability q, then k independent trials all have it with probability q^k. Values of q for which this is below 0.05
are rejected, so q is at least 0.05^(1/k). For large k this is the rule of three, 1 - 3/k (Hanley and Lippman-Hand
1983, "If nothing goes wrong, is everything all right?").

Trials must be independent. Images of one person are not, so a trial is one person. For metrics of both classes it is
a pair of a real person and a fake of another person. The mean over such disjoint pairs also bounds a mean over all
pairs, such as the AUC (Hoeffding 1963, section 5b, on U-statistics). The bounds are conservative: they cover the true
value in at least 95 % of cases.
"""

TAIL = 0.05
SAME = 1e-9
"""Smaller differences between resampled values are rounding errors."""


def share_at_least(trials: int, tail: float = TAIL) -> float:
    """Lower bound of the probability of an outcome that every one of `trials` independent trials had.

    It is 0 if there were no trials.
    """
    return tail ** (1 / trials) if trials else 0.0


def unanimous(
    value: float, trials: int, least: float = 0.0, most: float = 1.0, tail: float = TAIL
) -> dict[str, float]:
    """Bounds of a mean when every trial gave `value`.

    At least a share q of all possible trials gives `value`; the others may be anything from `least` to `most`. The
    bound is one-sided if `value` is `least` or `most`.
    """
    q = share_at_least(trials, tail)
    return {"low": q * value + (1 - q) * least, "high": q * value + (1 - q) * most}
