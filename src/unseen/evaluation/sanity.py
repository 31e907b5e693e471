"""Signs that external predictions do not mean what they seem to, a sentence each."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from unseen.data.identities import people_of, people_text

Floats = npt.NDArray[np.float64]
MIN_PEOPLE = 10
"""Of a class; a bootstrap over fewer gives intervals that are too narrow."""

NOISE = 1e-6
"""By how much a score may fall while the logit rises: rounding."""

CLASSES = ("reals", "fakes")
TURNED = "labels or scores may be turned round (1 and a high score mean fake)"


def of_people(predictions: pd.DataFrame) -> list[str]:
    """Whether there are enough people for an interval."""
    if len(predictions) > 1 and predictions["identity"].nunique() == 1:
        return ["all faces are of one person: intervals draw faces instead and say nothing about other people"]
    faces = {name: predictions[predictions["label"] == i] for i, name in enumerate(CLASSES)}
    who = {name: people_of(zip(of["id"], of["identity"], strict=True)) for name, of in faces.items()}
    return [
        f"the {name} are {'of ' if of['people'] else ''}{people_text(**of)}: intervals over fewer than {MIN_PEOPLE} "
        "are too narrow"
        for name, of in who.items()
        if 0 < sum(of.values()) < MIN_PEOPLE
    ]


def of_scores(predictions: pd.DataFrame, auc: dict[str, float]) -> list[str]:
    """Whether labels, scores and logits fit together.

    Args:
        predictions: from `read_external` or `read_all`.
        auc: the interval of its AUC, `low` and `high`.
    """
    scores = predictions["score"].to_numpy(np.float64)
    found = []
    if auc["high"] < 0.5:
        found.append(f"the AUC's interval, {auc['low']:.3f} to {auc['high']:.3f}, is below 0.5: {TURNED}")
    if "logit" in predictions:
        found += _rankings(predictions["logit"].to_numpy(np.float64), scores)
    elif np.ptp(scores) == 0:
        found.append(f"every score is {scores[0]:g}: faces are not ranked")
    elif set(np.unique(scores)) == {0.0, 1.0}:
        found.append("all scores are 0 or 1: for AUC, ECE and log loss give probabilities")
    return found


def _rankings(logits: Floats, scores: Floats) -> list[str]:
    """Whether a higher logit goes with a higher score."""
    rising = scores[np.lexsort((scores, logits))]
    if (np.diff(rising) >= -NOISE).all():
        return []
    spearman = float(spearmanr(logits, scores).statistic) if np.ptp(logits) and np.ptp(scores) else 0.0
    how = "rank opposite ways" if spearman < 0 else "do not rank faces alike"
    return [
        f"`score` and `logit` {how} (Spearman {spearman:.2f}): AUC, average precision and EER are of `logit`, what a "
        "threshold decides is of `score`; drop or mend one"
    ]
