"""Metrics of external predictions."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from unseen.core.errors import UserError
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.metrics import both_metrics, same_threshold
from unseen.evaluation.people import one_person_by_faces
from unseen.evaluation.rates import rates_above
from unseen.evaluation.sanity import guess_warnings, people_warnings, score_warnings
from unseen.evaluation.scored import Scored

UNSAID = "(not said)"


def external_metrics(
    predictions: pd.DataFrame, threshold: float, resamples: int, seed: int, groups: Sequence[str] = ()
) -> dict[str, Any]:
    """Compute the metrics of all reals against all fakes.

    Returns:
        See `pair_metrics`; also `generators`, the TPR of each generator; `sources`, the FPR of each source; `groups`,
        the rates of groups, if attributes are given; and `warnings`, sentences from `sanity`.

    Raises:
        UserError: a class is missing, no face has one of the attributes, or training seeds have different faces.
    """
    all_faces = Scored.of(predictions)
    faces, how = all_faces.faces, Resampling(resamples, seed)
    n = {name: int((all_faces.labels == label).sum()) for label, name in enumerate(("reals", "fakes"))}
    if not all(n.values()):
        raise UserError(f"{n['reals']} real and {n['fakes']} fake faces: both classes are needed, add the other")
    both = Scored.of(one_person_by_faces(predictions))
    by: dict[str, Any] = {}
    if groups:
        from unseen.evaluation.groups import by_group  # importing fairlearn takes a second

        by = {"groups": by_group(both, threshold, groups, how)}
    found = both_metrics(both, same_threshold(threshold, both.seeds), how)
    named = both.named({"generator": UNSAID, "source": UNSAID})
    return {
        "n": {**n, **people_of(zip(faces["id"], faces["identity"], strict=True))},
        "threshold": threshold,
        "seeds": both.seeds,
        **found,
        "generators": rates_above(named.take(both.labels == 1), "generator", threshold, how),
        "sources": rates_above(named.take(both.labels == 0), "source", threshold, how),
        **by,
        "warnings": people_warnings(faces) + score_warnings(all_faces, found["auc"]) + guess_warnings(groups),
    }
