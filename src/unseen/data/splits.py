"""Who belongs to which split: a pure function of the seed and the identity."""

import hashlib
from typing import Literal

from pydantic import Field, model_validator

from unseen.core.settings import Settings

Split = Literal["train", "val", "test"]


class SplitSettings(Settings):
    """Shares of the identities (not of the pictures); the rest is `train`."""

    val: float = Field(0.2, ge=0, lt=1, description="share of the identities that choose checkpoint and threshold")
    test: float = Field(0.2, ge=0, lt=1, description="share of the identities that are only measured on")

    @model_validator(mode="after")
    def _something_is_left(self) -> "SplitSettings":
        if self.val + self.test >= 1:
            raise ValueError("val + test must stay below 1, or nothing is left to train on")
        return self


def unit_interval(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but `parts`, evenly spread (53 bits of SHA-256)."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_of(identity: str, shares: SplitSettings, seed: int) -> Split:
    """The split of an identity. A new source or picture moves nobody else.

    Args:
        identity: the group that never crosses a split, for instance `orl/s7`.
        shares: the shares of `val` and `test`.
        seed: the run's seed.
    """
    place = unit_interval("split", seed, identity)
    if place < shares.test:
        return "test"
    return "val" if place < shares.test + shares.val else "train"
