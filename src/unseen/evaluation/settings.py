"""What is measured, on what, and which file properties may not tell the classes apart."""

from typing import Literal

from pydantic import Field, field_validator

from unseen.settings import DataFolder, Name, Settings


class EvaluationSet(Settings):
    """Faces that every detector scores: one stored set, of one class."""

    data: DataFolder = Field(description="one set, such as faces/people/orl")
    split: Literal["test", "all"] = Field(description="`all` only for sets that are held out")


class Pair(Settings):
    """A set of reals and a set of fakes that are set against each other."""

    reals: Name = Field(description="key below `evaluation_sets`")
    fakes: Name = Field(description="key below `evaluation_sets`")
    matched: bool = Field(description="the two sets share source, framing and compression")


class EvaluationSettings(Settings):
    """How predictions become numbers."""

    pairs: dict[Name, Pair] = Field(description="empty: every set of reals against every set of fakes")
    groups: list[Name] = Field(description="attributes of faces by which rates are shown; empty: none")
    resamples: int = Field(ge=100, le=100_000, description="bootstrap resamples of people for the AUC's interval")

    @field_validator("groups")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("an attribute is named twice")
        return names


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


class AuditSettings(Settings):
    """When a property of the stored file counts as a shortcut."""

    max_auc: float = Field(
        gt=0.5,
        lt=1,
        description="a training pair fails the run when the lower 95 % limit of a property's AUC is above",
    )
