"""What is measured, on what, and which file properties may not tell the classes apart."""

from pydantic import Field, field_validator

from unseen.core.settings import Name, Settings
from unseen.data.evaluation_sets import Pair


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
