"""Two detectors on the same faces: is one better, or was it luck?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm

from unseen.core.errors import UserError
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import bounded, draws
from unseen.evaluation.bounds import SAME, unanimous
from unseen.evaluation.metrics import Scored
from unseen.evaluation.pair_bounds import Trials
from unseen.evaluation.people import one_person_by_faces, without_identity
from unseen.evaluation.ranking import Ranking

Floats = npt.NDArray[np.float64]
NORMAL_95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Joined:
    """The faces that both have scored, in one order.

    Attributes:
        first: predictions of one detector.
        second: of the other; row for row the same faces.
        by: `id` or `sha256`, what they were joined by.
        only_first: faces that the second has not scored.
        only_second: faces that the first has not scored.
    """

    first: pd.DataFrame
    second: pd.DataFrame
    by: str
    only_first: int
    only_second: int


def _lost_zeros(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Advice where ids would match but for leading zeros, which go when a program takes them for numbers."""
    short = [set(frame["id"].str.replace("^0+(?=[0-9])", "", regex=True)) for frame in (first, second)]
    if short[0].isdisjoint(short[1]):
        return ""
    return "; some differ in leading zeros alone: write the column `id` as text, for pandas `dtype={'id': str}`"


def join(first: pd.DataFrame, second: pd.DataFrame) -> Joined:
    """The faces that are in both tables, by `id`, or, where no id is in both, by `sha256`.

    Raises:
        UserError: no face is in both, or one is real in one and fake in the other.
    """
    first, second = first.drop_duplicates("id"), second.drop_duplicates("id")  # a face may be in two sets
    for by in ("id", "sha256"):
        known = [frame[(frame[by] != "") & ~frame[by].duplicated(keep=False)] for frame in (first, second)]
        left, right = (frame.set_index(by) for frame in known)
        both = left.index.intersection(right.index, sort=False)
        if len(both):
            break
    else:
        raise UserError(f"no face is in both: neither an `id` nor a `sha256`{_lost_zeros(first, second)}")
    left, right = left.loc[both].reset_index(), right.loc[both].reset_index()
    if without_identity(left).all():  # then the people are those of the second
        left = left.assign(identity=right["identity"])
    other = left["label"] != right["label"]
    if other.any():
        raise UserError(
            f"{by} {left[by][other].iloc[0]}: real in one and fake in the other ({other.sum()} such faces)"
        )
    return Joined(left, right, by, len(first) - len(both), len(second) - len(both))


def placements(ranking: Ranking) -> tuple[Floats, Floats]:
    """Of each real the share of fakes above it, of each fake the share of reals below it, ties as half.

    In the order of `ranking.reals` and `ranking.fakes`; either's mean is the AUC.
    """
    reals, fakes = len(ranking.reals), len(ranking.fakes)
    of_fakes = (ranking.below + ranking.not_above) / (2 * reals)
    # a fake is above the i-th real where more than i reals are below it, and not below where more are not above it
    not_above = np.searchsorted(ranking.below, np.arange(reals), "right")
    below = np.searchsorted(ranking.not_above, np.arange(reals), "right")
    return 1 - (below + not_above) / (2 * fakes), of_fakes


def delong(labels: npt.NDArray[np.int64], first: Floats, second: Floats) -> dict[str, float]:
    """The difference of two AUCs on the same faces (DeLong, DeLong and Clarke-Pearson 1988), faces being independent.

    Args:
        labels: [n], 0 real and 1 fake, at least two of each.
        first: [n], what ranks.
        second: [n], of the other detector.

    Returns:
        `difference` (first - second), its standard error `se`, `low` and `high` of 95 %, and two-sided `p`. Where the
        standard error is 0 they are of as many pairs as the smaller class has faces: see `bounds` and the sign test.
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
    if se < SAME:  # the two detectors differ by as much on every face
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
    """McNemar's test, exact: of the faces that only one has right, is it as often the one as the other?"""
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    n = only_first + only_second
    return {
        "only_first_right": only_first,
        "only_second_right": only_second,
        "p": float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0,
    }


def _over_people(first: Scored, rankings: list[Ranking], resamples: int, seed: int) -> Floats:
    """The AUCs of both in each resample of people, [n, 2]; a resample is the same for both."""
    persons = int(first.people.max()) + 1
    rows = [(first.people[one.reals], first.people[one.fakes]) for one in rankings]
    found = []
    for counts in draws(persons, resamples, seed):
        aucs = [
            one.weighted(counts[reals], counts[fakes]) for one, (reals, fakes) in zip(rankings, rows, strict=True)
        ]
        if aucs[0] and aucs[1]:
            found.append((aucs[0].auc, aucs[1].auc))
    return np.array(found, np.float64)


def compare(joined: Joined, thresholds: tuple[float, float], resamples: int, seed: int) -> dict[str, Any]:
    """Both detectors on the faces that both have scored.

    Args:
        joined: those faces.
        thresholds: of the first and of the second, on the score.
        resamples: of people, who are those of the first's table, or of the second's where the first names none.
        seed: of the bootstrap.

    Returns:
        `n`, `auc` and `accuracy` of both, `delong`, `people` (the difference's interval over people), `auc_intervals`
        (of both, over people), `mcnemar`.

    Raises:
        UserError: there are fewer than two faces of a class.
    """
    first, second = Scored.of(one_person_by_faces(joined.first)), Scored.of(joined.second)
    reals, fakes = int((first.labels == 0).sum()), int((first.labels == 1).sum())
    if min(reals, fakes) < 2:
        raise UserError(f"{reals} real and {fakes} fake faces are in both: at least two of each are needed")
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
