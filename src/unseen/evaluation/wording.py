"""Text for intervals, shared by tables, cards, pages and commands."""

from collections.abc import Callable, Mapping

CHANCE = 0.5
"""The AUC of random guessing."""

WORSE, UNCLEAR, BETTER = "worse", "unclear", "better"


def between(value: float, around: Mapping[str, float], write: Callable[[float], str]) -> str:
    """Format an interval; a one-sided interval, which ends at the value, becomes `at least` or `at most`.

    Args:
        value: the value that the interval belongs to.
        around: the ends of the interval, `low` and `high`.
        write: formats a number.
    """
    low, high = around["low"], around["high"]
    if low < high and value >= high:
        return f"at least {write(low)}"
    if low < high and value <= low:
        return f"at most {write(high)}"
    return f"{write(low)} to {write(high)}"


def against_chance(auc: Mapping[str, float]) -> str:
    """Classify the interval of an AUC as WORSE than chance, UNCLEAR or BETTER."""
    if auc["high"] < CHANCE:
        return WORSE
    return BETTER if auc["low"] > CHANCE else UNCLEAR


def over(people: int, without_identity: int) -> str:
    """Text for the units that the bootstrap resamples: people or pictures."""
    if not people:
        return "pictures (no identities: each picture is treated as a person)"
    return "people" + (" (a picture without an identity is treated as a person)" if without_identity else "")


def over_seeds(seeds: Mapping[str, float], write: Callable[[float], str]) -> str:
    """Text for the range over training seeds; empty for one."""
    return ends(min(seeds.values()), max(seeds.values()), write) if len(seeds) > 1 else ""


def ends(low: float, high: float, write: Callable[[float], str]) -> str:
    """Text for a range, which is one number if both ends are written alike."""
    texts = write(low), write(high)
    return " to ".join(texts if texts[0] != texts[1] else texts[:1])
