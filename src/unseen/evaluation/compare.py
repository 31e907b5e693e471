"""Significance tests for the difference between two detectors on the same faces."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm

from unseen.core.errors import UserError
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import bounded, resample_counts
from unseen.evaluation.bounds import SAME, unanimous
from unseen.evaluation.metrics import LabelledScores
from unseen.evaluation.pair_bounds import Trials
from unseen.evaluation.people import one_person_by_faces, without_identity
from unseen.evaluation.ranking import Ranking

Floats = npt.NDArray[np.float64]
NORMAL_95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class CommonFaces:
    """The faces that both detectors have scored.

    Attributes:
        first: predictions of the first detector.
        second: predictions of the second detector, with the same faces in the same rows.
        by: the column that they were joined by, `id` or `sha256`.
        only_first: number of faces that only the first detector has scored.
        only_second: number of faces that only the second detector has scored.
    """

    first: pd.DataFrame
    second: pd.DataFrame
    by: str
    only_first: int
    only_second: int


def _lost_zeros(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Advice for ids that differ only in leading zeros, which are lost when a program reads ids as numbers."""
    short = [set(frame["id"].str.replace("^0+(?=[0-9])", "", regex=True)) for frame in (first, second)]
    if short[0].isdisjoint(short[1]):
        return ""
    return "; some differ only in leading zeros: store the column `id` as text (pandas: `dtype={'id': str}`)"


def join_predictions(first: pd.DataFrame, second: pd.DataFrame) -> CommonFaces:
    """Join two tables of predictions by `id`, or by `sha256` if they have no `id` in common.

    Raises:
        UserError: the tables have no face in common, or a face is real in one table and fake in the other.
    """
    first, second = first.drop_duplicates("id"), second.drop_duplicates("id")  # a face may be in two sets
    for by in ("id", "sha256"):
        known = [frame[(frame[by] != "") & ~frame[by].duplicated(keep=False)] for frame in (first, second)]
        left, right = (frame.set_index(by) for frame in known)
        both = left.index.intersection(right.index, sort=False)
        if len(both):
            break
    else:
        raise UserError(f"no face is in both tables: no `id` or `sha256` matches{_lost_zeros(first, second)}")
    left, right = left.loc[both].reset_index(), right.loc[both].reset_index()
    if without_identity(left).all():
        left = left.assign(identity=right["identity"])
    other = left["label"] != right["label"]
    if other.any():
        raise UserError(
            f"{by} {left[by][other].iloc[0]}: real in one table and fake in the other ({other.sum()} such faces)"
        )
    return CommonFaces(left, right, by, len(first) - len(both), len(second) - len(both))


def placements(ranking: Ranking) -> tuple[Floats, Floats]:
    """The share of fakes above each real face, and the share of reals below each fake; ties count as half.

    They are in the order of `ranking.reals` and `ranking.fakes`. The mean of either is the AUC.
    """
    reals, fakes = len(ranking.reals), len(ranking.fakes)
    of_fakes = (ranking.below + ranking.not_above) / (2 * reals)
    # a fake is above the i-th real if more than i reals are below it, and tied or above if more than i are not above
    not_above = np.searchsorted(ranking.below, np.arange(reals), "right")
    below = np.searchsorted(ranking.not_above, np.arange(reals), "right")
    return 1 - (below + not_above) / (2 * fakes), of_fakes


def delong(labels: npt.NDArray[np.int64], first: Floats, second: Floats) -> dict[str, float]:
    """Test the difference of two AUCs on the same faces (DeLong, DeLong and Clarke-Pearson 1988).

    The test treats faces as independent.

    Args:
        labels: [n], 0 real and 1 fake, at least two of each.
        first: [n], logits or scores of the first detector.
        second: [n], logits or scores of the second detector.

    Returns:
        `difference` (first - second), its standard error `se`, its 95 % interval `low` to `high`, and the two-sided
        `p`. If the standard error is 0, the interval is from `bounds` and `p` from a sign test, both over as many
        pairs as the smaller class has faces.
    """
    of_reals, of_fakes = np.empty((2, int((labels == 0).sum()))), np.empty((2, int((labels == 1).sum())))
    place = np.cumsum(labels == 1) - 1, np.cumsum(labels == 0) - 1
    for row, values in enumerate((first, second)):
        ranking = Ranking(labels, values)
        reals, fakes = placements(ranking)
        of_reals[row, place[1][ranking.reals]] = reals
        of_fakes[row, place[0][ranking.fakes]] = fakes
    difference = float(of_fakes[0].mean() - of_fakes[1].mean())
    variance = sum(float(np.var(one[0] - one[1], ddof=1)) / one.shape[1] for one in (of_reals, of_fakes))
    se = variance**0.5
    margin = NORMAL_95 * se
    if se < SAME:  # the difference is the same on every face
        pairs = min(one.shape[1] for one in (of_reals, of_fakes))
        around = unanimous(difference, pairs, least=-1.0)
        return {"difference": difference, "se": 0.0, **around, "p": 2.0 ** (1 - pairs) if difference else 1.0}
    return {
        "difference": difference,
        "se": se,
        "low": difference - margin,
        "high": difference + margin,
        "p": float(2 * norm.sf(abs(difference) / se)),
    }


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> dict[str, float]:
    """McNemar's exact test of whether two detectors have the same error rate on the same faces, [n] each."""
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    n = only_first + only_second
    return {
        "only_first_right": only_first,
        "only_second_right": only_second,
        "p": float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0,
    }


def _over_people(first: LabelledScores, rankings: list[Ranking], resamples: int, seed: int) -> Floats:
    """The AUCs of both detectors in each resample of people, [n, 2]; both use the same resample."""
    persons = int(first.people.max()) + 1
    rows = [(first.people[one.reals], first.people[one.fakes]) for one in rankings]
    found = []
    for counts in resample_counts(persons, resamples, seed):
        aucs = [
            one.weighted(counts[reals], counts[fakes]) for one, (reals, fakes) in zip(rankings, rows, strict=True)
        ]
        if aucs[0] and aucs[1]:
            found.append((aucs[0].auc, aucs[1].auc))
    return np.array(found, np.float64)


def compare(joined: CommonFaces, thresholds: tuple[float, float], resamples: int, seed: int) -> dict[str, Any]:
    """Compare two detectors on the faces that both have scored.

    Args:
        joined: those faces.
        thresholds: thresholds on the score, of the first and the second detector.
        resamples: bootstrap resamples of people. Identities are from the first table, or from the second if the
            first has none.
        seed: seed of the bootstrap.

    Returns:
        `n`; `auc`, `thresholds` and `accuracy` of both; `delong`; `people`, the interval of the AUC difference over
        people; `auc_intervals` of both, over people; and `mcnemar`.

    Raises:
        UserError: a class has fewer than two faces.
    """
    first, second = LabelledScores.of(one_person_by_faces(joined.first)), LabelledScores.of(joined.second)
    reals, fakes = int((first.labels == 0).sum()), int((first.labels == 1).sum())
    if min(reals, fakes) < 2:
        raise UserError(f"{reals} real and {fakes} fake faces are in both tables: at least two of each are needed")
    rankings = [Ranking(one.labels, one.values) for one in (first, second)]
    aucs = _over_people(first, rankings, resamples, seed)
    pairs = Trials.of(first.labels, first.labels == 1, first.people).pairs
    right = [
        (one.scores >= threshold) == (one.labels == 1)
        for one, threshold in zip((first, second), thresholds, strict=True)
    ]
    return {
        "n": {
            "reals": reals,
            "fakes": fakes,
            "only_first": joined.only_first,
            "only_second": joined.only_second,
            "joined_by": joined.by,
            **people_of(zip(joined.first["id"], joined.first["identity"], strict=True)),
        },
        "auc": [one.all_once().auc for one in rankings],
        "thresholds": list(thresholds),
        "accuracy": [float(one.mean()) for one in right],
        "delong": delong(first.labels, first.values, second.values),
        "people": bounded(aucs[:, 0] - aucs[:, 1], pairs, least=-1.0),
        "auc_intervals": [bounded(aucs[:, 0], pairs), bounded(aucs[:, 1], pairs)],
        "mcnemar": mcnemar(right[0], right[1]),
    }
