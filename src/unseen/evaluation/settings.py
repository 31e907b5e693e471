"""Settings of the evaluation."""

from pydantic import Field, field_validator

from unseen.core.settings import Name, Settings
from unseen.data.evaluation_sets import Pair


class EvaluationSettings(Settings):
    """Settings of the metrics."""

    pairs: dict[Name, Pair] = Field(description="pairs of sets; empty: every set of reals with every set of fakes")
    groups: list[Name] = Field([], description="attributes for rates by group; empty: none")
    resamples: int = Field(1000, ge=100, le=100_000, description="bootstrap resamples of people for the intervals")

    @field_validator("groups")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("an attribute is listed twice; remove one")
        return names
