"""The simple cue that a detector must exceed."""

from collections.abc import Iterable, Mapping
from typing import Any

VISIBLE = ("picture", "file")
"""Kinds of cues that a detector may see. It never sees the original file."""


def best_cue(cues: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The cue with the highest AUC among those that a detector may see and that are above chance.

    Args:
        cues: each with `kind`, `cue`, `auc`, and `low`, the lower end of its interval. All cues together, with an
            empty `cue`, are no single cue.

    Returns:
        One of `cues`; None if there is none.
    """
    found = [dict(one) for one in cues if one["cue"] and one["kind"] in VISIBLE and one["low"] > 0.5]
    return max(found, key=lambda one: float(one["auc"]), default=None)
