"""Null controls: identity twins against their reals. They differ only in a second encode, so the AUC must be 0.5."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unseen.data.evaluation_sets import IDENTITY
from unseen.data.shards import FaceSet, measurable
from unseen.evaluation.scored import Scored

TOLERANCE = 0.02
"""An AUC this near to 0.5 shows no trace, however narrow its interval: a twin and its real have nearly one score."""


def labels_of(sets: Mapping[str, FaceSet]) -> dict[str, str]:
    """`real` or `fake` for each evaluation set that is not a control."""
    return {
        name: "fake" if one.label else "real"
        for name, one in sets.items()
        if not one.label or set(one.index(measurable(one), ["generator"])["generator"]) != {IDENTITY}
    }


def is_control(faces: Scored) -> bool:
    """Whether an evaluation set is a null control."""
    return set(faces.faces["generator"]) == {IDENTITY}


def controls(
    predictions: Mapping[str, Scored], auc: Callable[[Scored], dict[str, Any]]
) -> tuple[dict[str, Scored], dict[str, Any]]:
    """Take the null controls out of the predictions, and measure them.

    Args:
        predictions: by evaluation set.
        auc: the AUC of both classes, with its interval.

    Returns:
        The other sets; and for each control with reals in them `n`, the number of pairs, `auc`, and `passed`: whether
        the AUC is 0.5 within its interval or `TOLERANCE`.
    """
    found: dict[str, Any] = {}
    taken = {name for name, faces in predictions.items() if is_control(faces)}
    others = {name: faces for name, faces in predictions.items() if name not in taken}
    reals = [faces for faces in others.values() if faces.labels[0] == 0]
    for name in (name for name in predictions if name in taken and reals):
        twins, every = predictions[name], Scored.joined(reals)
        made_of = [dict(pairs).get("twin_of", "") for pairs in twins.faces["attributes"]]
        there = every.faces["id"].isin(made_of).to_numpy()
        if not there.any():
            continue
        known = set(every.faces["id"])
        paired = np.asarray([original in known for original in made_of])
        both = Scored.joined([every.take(there), twins.take(paired)])
        measured = auc(both)
        off = abs(measured["value"] - 0.5)
        passed = off <= TOLERANCE or measured["low"] <= 0.5 <= measured["high"]
        found[name] = {"n": int(there.sum()), "auc": measured, "passed": passed}
    return others, found
