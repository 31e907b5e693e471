"""Comparison of the findings of two runs, by claims and ranges and not by digits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from unseen.core.errors import UserError
from unseen.report.ranges import WIDE

HOLDS, FAILS, UNSTATED = "holds", "does not hold", "not stated"


@dataclass(frozen=True)
class Compared:
    """A finding of a run beside the same one of another run.

    Attributes:
        finding: what it is about.
        committed: what the run to compare with found.
        here: what this run found.
        outcome: HOLDS, FAILS, or UNSTATED with the reason: the run to compare with does not state this finding.
    """

    finding: str
    committed: str
    here: str
    outcome: str


def compare(committed: Mapping[str, Any], here: Mapping[str, Any]) -> list[Compared]:
    """Compare the findings of this run with those of another one, from `findings`.

    A count must be the same. The mean of a number must lie in its range. A claim must be the same if it is stated. A
    finding that this run lacks does not hold; one that only this run has is ignored.

    Raises:
        UserError: the runs have different numbers of training seeds, or only one.
    """
    seeds = committed["training_seeds"], here["training_seeds"]
    if seeds[0] != seeds[1]:
        raise UserError(
            f"the findings here are of `training_seeds: {seeds[1]}`, those to compare with of {seeds[0]}; "
            f"set `training_seeds: {seeds[0]}` and run `dvc repro`"
        )
    if seeds[0] < 2:
        raise UserError(
            "with one training seed no number has a range; set `training_seeds` to 2 or more in both runs"
        )
    return [*_counts(committed, here), *_numbers(committed, here), *_claims(committed, here)]


def _counts(committed: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Compared]:
    for name, count in committed["exact"].items():
        found = here["exact"].get(name)
        yield Compared(name, f"{count:,}", _or_missing(found, ","), HOLDS if found == count else FAILS)


def _numbers(committed: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Compared]:
    for name, number in committed["numbers"].items():
        low, high = number["range"] or (-inf, inf)
        found = here["numbers"].get(name, {}).get("value")
        text = f"{number['value']:.3f} ({low:.3f} to {high:.3f})"
        holds = found is not None and low <= found <= high
        outcome = HOLDS if holds else FAILS
        if found is not None and high - low > WIDE:
            outcome = f"{UNSTATED}: range too wide"
        yield Compared(name, text, _or_missing(found, ".3f"), outcome)


def _claims(committed: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Compared]:
    for name, claim in committed["claims"].items():
        found = here["claims"].get(name, {}).get("is")
        outcome = HOLDS if found == claim["is"] else FAILS
        if found is not None and not claim["stated"]:
            outcome = f"{UNSTATED}: another training may say otherwise{_ranges(committed, claim)}"
        yield Compared(name, claim["is"], found or "not there", outcome)


def _ranges(committed: Mapping[str, Any], claim: Mapping[str, Any]) -> str:
    """The ranges of the numbers that a claim follows from, as text; empty if it follows from none."""
    numbers = (committed["numbers"].get(name, {}) for name in claim.get("numbers", []))
    texts = [f"{low:.3f} to {high:.3f}" for low, high in (one["range"] for one in numbers if one.get("range"))]
    return f" (range {' against '.join(texts)})" if texts else ""


def _or_missing(value: float | None, form: str) -> str:
    return "not there" if value is None else format(value, form)
