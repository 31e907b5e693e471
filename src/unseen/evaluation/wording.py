"""What an interval says, in words: the same in tables, cards, pages and commands."""

from collections.abc import Callable, Mapping

CHANCE = 0.5
"""The AUC of a coin."""

WORSE, UNCLEAR, BETTER = "worse", "unclear", "better"


def between(value: float, around: Mapping[str, float], write: Callable[[float], str]) -> str:
    """An interval as text; `at least` or `at most` where the value itself is an end of it, as with 9 of 9.

    Args:
        value: what the interval is of.
        around: its ends, `low` and `high`.
        write: a number as text.
    """
    low, high = around["low"], around["high"]
    if low < high and value >= high:
        return f"at least {write(low)}"
    if low < high and value <= low:
        return f"at most {write(high)}"
    return f"{write(low)} to {write(high)}"


def against_chance(auc: Mapping[str, float]) -> str:
    """WORSE, UNCLEAR or BETTER than chance, from the interval of an AUC."""
    if auc["high"] < CHANCE:
        return WORSE
    return BETTER if auc["low"] > CHANCE else UNCLEAR


def over(people: int, without_identity: int) -> str:
    """What a bootstrap draws, in words."""
    if not people:
        return "pictures (no identities: each picture is treated as a person)"
    return "people" + (" (a picture without an identity is treated as a person)" if without_identity else "")
