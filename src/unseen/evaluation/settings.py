"""Settings of the evaluation and of ensembles."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from unseen.core.settings import Name, Settings
from unseen.data.evaluation_sets import Pair

Weight = Annotated[float, BeforeValidator(lambda value: 1.0 if value is None else value), Field(gt=0)]


Generator = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""A generator's name that can be part of DVC's stage names and of paths."""


class EnsembleSettings(Settings):
    """Detectors whose calibrated logits are averaged: a rule over their predictions."""

    members: dict[Name, Weight] = Field(
        min_length=2, description="keys below `detectors`, each with its weight, 1.0 by default"
    )


class LeaveOneOutSettings(Settings):
    """Detectors that are trained again without the fakes of one generator, for each of several generators."""

    detectors: list[Name] = Field(description="keys below `detectors`; empty: none")
    generators: list[Generator] = Field(
        description="generators to leave out, one at a time: GANs, autoencoders, a source's `generator`"
    )

    @field_validator("detectors", "generators")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("a name is listed twice; remove one")
        return names


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
