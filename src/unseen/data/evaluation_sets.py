"""Which stored faces detectors are measured on, and which sets are compared."""

from typing import Literal

from pydantic import Field

from unseen.core.settings import DataFolder, Name, Settings


class EvaluationSet(Settings):
    """Faces that every detector scores: one stored set, of one class."""

    data: DataFolder = Field(description="one set, such as faces/people/orl")
    split: Literal["test", "all"] = Field(description="`all` only for sets that are held out")


class Pair(Settings):
    """A set of reals and a set of fakes that are set against each other."""

    reals: Name = Field(description="key below `evaluation_sets`")
    fakes: Name = Field(description="key below `evaluation_sets`")
    matched: bool = Field(description="the two sets share source, framing and compression")


def pairs_of(stated: dict[str, Pair], labels: dict[str, str]) -> dict[str, Pair]:
    """The stated pairs, or all of them where none is stated; nobody has said of those that they match.

    Args:
        stated: `evaluation.pairs`.
        labels: `real` or `fake` for each evaluation set.
    """
    if stated:
        return stated
    reals = [name for name, label in labels.items() if label == "real"]
    fakes = [name for name, label in labels.items() if label == "fake"]
    return {f"{fake}_vs_{real}": Pair(reals=real, fakes=fake, matched=False) for fake in fakes for real in reals}
