"""Warnings about external predictions that look wrong or have too few people."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from unseen.data.face_rows import ZERO_SHOT
from unseen.data.identities import people_of, people_text
from unseen.evaluation.scored import Scored

Floats = npt.NDArray[np.float64]
MIN_PEOPLE = 10
"""People of a class that a bootstrap needs; intervals over fewer are too narrow."""

NOISE = 1e-6
"""Rounding tolerance: a score may fall by this much as the logit rises."""

CLASSES = ("reals", "fakes")
TURNED = "labels or scores may be inverted (1 and a high score mean fake)"


def guess_warnings(groups: Sequence[str]) -> list[str]:
    """A warning if rates are shown for groups that a model has guessed."""
    guessed = [name for name in groups if name.startswith(ZERO_SHOT)]
    if not guessed:
        return []
    return [f"a model guessed {', '.join(guessed)}: rates by these groups are no evidence about fairness"]


def people_warnings(predictions: pd.DataFrame) -> list[str]:
    """Warnings if there are too few people for an interval."""
    if len(predictions) > 1 and predictions["identity"].nunique() == 1:
        return ["all faces are of one person: intervals are over faces and do not apply to other people"]
    faces = {name: predictions[predictions["label"] == i] for i, name in enumerate(CLASSES)}
    who = {name: people_of(zip(of["id"], of["identity"], strict=True)) for name, of in faces.items()}
    return [
        f"the {name} are {'of ' if of['people'] else ''}{people_text(**of)}: intervals over fewer than {MIN_PEOPLE} "
        "people are too narrow"
        for name, of in who.items()
        if 0 < sum(of.values()) < MIN_PEOPLE
    ]


def score_warnings(faces: Scored, auc: dict[str, float]) -> list[str]:
    """Warnings if labels, scores and logits are not consistent.

    Args:
        faces: predictions from `read_external` or `read_all`.
        auc: the interval of the AUC, `low` and `high`.
    """
    found = []
    if auc["high"] < 0.5:
        # Rounded down, so that it does not print 0.500 for a number below 0.5.
        high = math.floor(1000 * auc["high"]) / 1000
        found.append(f"the AUC's interval, {auc['low']:.3f} to {high:.3f}, is below 0.5: {TURNED}")
    if faces.logits is not None:
        of_seeds = [_rankings(logits, scores) for logits, scores in zip(faces.logits, faces.scores, strict=True)]
        found += next((warning for warning in of_seeds if warning), [])
    elif np.ptp(faces.scores) == 0:
        found.append(f"every score is {faces.scores[0, 0]:g}: faces cannot be ranked")
    elif set(np.unique(faces.scores)) == {0.0, 1.0}:
        found.append("all scores are 0 or 1: AUC, ECE and log loss need probabilities")
    return found


def _rankings(logits: Floats, scores: Floats) -> list[str]:
    """A warning if scores do not rise with logits."""
    rising = scores[np.lexsort((scores, logits))]
    if (np.diff(rising) >= -NOISE).all():
        return []
    spearman = float(spearmanr(logits, scores).statistic) if np.ptp(logits) and np.ptp(scores) else 0.0
    how = "rank faces in opposite orders" if spearman < 0 else "rank faces differently"
    return [
        f"`score` and `logit` {how} (Spearman {spearman:.2f}): AUC, average precision and EER use `logit`, "
        "thresholds use `score`; correct or remove one of them"
    ]
