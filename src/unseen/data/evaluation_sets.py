"""Settings of evaluation sets, and of the pairs of sets that metrics compare."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from unseen.core.settings import DataFolder, Name, Settings

IDENTITY = "identity"
"""Generator of identity twins, a null control: real faces that are encoded again, without a network."""


class EvaluationSet(Settings):
    """An evaluation set: a stored set of one class that every detector scores."""

    data: DataFolder = Field(description="one set, such as faces/people/orl")
    split: Literal["test", "all"] = Field(description="`all` only for sets that are held out")


class Pair(Settings):
    """A set of reals and a set of fakes, for metrics that need both classes."""

    reals: Name = Field(description="key below `evaluation_sets`")
    fakes: Name = Field(description="key below `evaluation_sets`")
    matched: bool = Field(description="the two sets share source, framing and compression")


def pairs_of(stated: dict[str, Pair], labels: dict[str, str]) -> dict[str, Pair]:
    """The pairs of params, or all combinations, not matched, if params have none.

    Args:
        stated: `evaluation.pairs`.
        labels: `real` or `fake` for each evaluation set that is not a null control.
    """
    if stated:
        return stated
    reals = [name for name, label in labels.items() if label == "real"]
    fakes = [name for name, label in labels.items() if label == "fake"]
    return {f"{fake}_vs_{real}": Pair(reals=real, fakes=fake, matched=False) for fake in fakes for real in reals}


def in_pairs(stated: Mapping[str, Pair], sets: Iterable[str]) -> list[str]:
    """The evaluation sets that are in a pair: all of `sets` if params have no pairs."""
    named = {name for pair in stated.values() for name in (pair.reals, pair.fakes)}
    return [name for name in sets if name in named or not stated]
