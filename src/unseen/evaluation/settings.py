"""Settings of the evaluation and of ensembles."""

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from unseen.core.settings import Name, Settings
from unseen.data.evaluation_sets import Pair

Weight = Annotated[float, BeforeValidator(lambda value: 1.0 if value is None else value), Field(gt=0)]


class EnsembleSettings(Settings):
    """Detectors whose calibrated logits are averaged: a rule over their predictions."""

    members: dict[Name, Weight] = Field(
        min_length=2, description="keys below `detectors`, each with its weight, 1.0 by default"
    )


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
