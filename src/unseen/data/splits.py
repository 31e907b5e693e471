"""Assign identities to splits. The split depends only on `split.seed` and the identity."""

from typing import Literal

from pydantic import Field, model_validator

from unseen.core.draws import unit_interval
from unseen.core.settings import Settings

Split = Literal["train", "val", "test"]


class SplitSettings(Settings):
    """Seed of the splits, and shares of the identities (not of the pictures). The others are in `train`."""

    seed: int = Field(0, ge=0, description="which identities are in which split; no other seed changes that")
    val: float = Field(0.2, ge=0, lt=1, description="share of the identities for validation (checkpoint, threshold)")
    test: float = Field(0.2, ge=0, lt=1, description="share of the identities for evaluation")

    @model_validator(mode="after")
    def _something_is_left(self) -> "SplitSettings":
        if self.val + self.test >= 1:
            raise ValueError("val + test must be below 1, otherwise no identity is left for training")
        return self


def split_of(identity: str, settings: SplitSettings) -> Split:
    """The split of an identity. It does not depend on other sources or pictures.

    Args:
        identity: for instance `orl/s7`; all its pictures are in the same split.
        settings: seed of the splits, and the shares of `val` and `test`.
    """
    place = unit_interval("split", settings.seed, identity)
    if place < settings.test:
        return "test"
    return "val" if place < settings.test + settings.val else "train"
