"""What is measured, on what, and which file properties may not tell the classes apart."""

from typing import Literal

from pydantic import Field

from unseen.settings import DataFolder, Name, Settings


class EvaluationSet(Settings):
    """Faces that every detector scores: one stored set, of one class."""

    data: DataFolder = Field(description="one set, such as faces/people/orl")
    split: Literal["test", "all"] = Field(description="`all` only for sets that are held out")


class Pair(Settings):
    """A set of reals and a set of fakes that are set against each other."""

    reals: Name = Field(description="key below `evaluation_sets`")
    fakes: Name = Field(description="key below `evaluation_sets`")


class EvaluationSettings(Settings):
    """How predictions become numbers."""

    pairs: dict[Name, Pair] = Field(min_length=1)
    resamples: int = Field(ge=100, le=100_000, description="bootstrap resamples of people for the AUC's interval")


class AuditSettings(Settings):
    """When a property of the stored file counts as a shortcut."""

    max_auc: float = Field(
        gt=0.5,
        lt=1,
        description="a training pair fails the run when the lower 95 % limit of a property's AUC is above",
    )
