"""Significance tests for the difference between two detectors on the same faces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm

from unseen.core.errors import UserError
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import Resampling, bounded, by_name, mean_of_drawn, seed_counts
from unseen.evaluation.bounds import SAME, unanimous
from unseen.evaluation.pair_bounds import Trials
from unseen.evaluation.people import one_person_by_faces, without_identity
from unseen.evaluation.ranking import Ranking, resampled_aucs
from unseen.evaluation.scored import Scored

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

    first: Scored
    second: Scored
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
        UserError: the tables have no face in common, a face is real in one table and fake in the other, or the
            training seeds of a table have different faces.
    """
    tables = []
    for name, table in (("first", first), ("second", second)):
        stated = [column for column in ("id", "seed") if column in table]
        # a face may be in two sets
        tables.append(Scored.of(table.drop_duplicates(stated), f"the {name} predictions"))
    for by in ("id", "sha256"):
        keys = [one.faces[by].to_numpy() for one in tables]
        known = [(key != "") & ~pd.Series(key).duplicated(keep=False).to_numpy() for key in keys]
        rows = [np.flatnonzero(one) for one in known]
        place = pd.Index(keys[1][rows[1]]).get_indexer(pd.Index(keys[0][rows[0]]))
        if (place >= 0).any():
            break
    else:
        raise UserError(
            f"no face is in both tables: no `id` or `sha256` matches{_lost_zeros(tables[0].faces, tables[1].faces)}"
        )
    left, right = tables[0].take(rows[0][place >= 0]), tables[1].take(rows[1][place[place >= 0]])
    if without_identity(left.faces).all():
        left = replace(left, faces=left.faces.assign(identity=right.faces["identity"]))
    other = left.labels != right.labels
    if other.any():
        raise UserError(
            f"{by} {left.faces[by][other].iloc[0]}: real in one table and fake in the other "
            f"({other.sum()} such faces)"
        )
    return CommonFaces(left, right, by, len(tables[0]) - len(left), len(tables[1]) - len(left))


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


def _mean_placements(labels: npt.NDArray[np.int64], values: Floats) -> tuple[Floats, Floats]:
    """The `placements` of each real face and of each fake, in the order of the rows, averaged over training seeds."""
    reals, fakes = np.zeros(int((labels == 0).sum())), np.zeros(int((labels == 1).sum()))
    place = np.cumsum(labels == 0) - 1, np.cumsum(labels == 1) - 1
    for row in values:
        ranking = Ranking(labels, row)
        of_reals, of_fakes = placements(ranking)
        reals[place[0][ranking.reals]] += of_reals / len(values)
        fakes[place[1][ranking.fakes]] += of_fakes / len(values)
    return reals, fakes


def delong(labels: npt.NDArray[np.int64], first: Floats, second: Floats) -> dict[str, float]:
    """Test the difference of two AUCs on the same faces (DeLong, DeLong and Clarke-Pearson 1988).

    The test treats faces as independent. With several training seeds it compares the mean AUCs of the networks that
    were trained: the placements of a face are averaged over seeds, and other trainings are not considered.

    Args:
        labels: [n], 0 real and 1 fake, at least two of each.
        first: [n] or [seeds, n], logits or scores of the first detector.
        second: likewise of the second detector; its number of seeds may differ.

    Returns:
        `difference` (first - second), its standard error `se`, its 95 % interval `low` to `high`, and the two-sided
        `p`. If the standard error is 0, the interval is from `bounds` and `p` from a sign test, both over as many
        pairs as the smaller class has faces.
    """
    both = [_mean_placements(labels, np.atleast_2d(values)) for values in (first, second)]
    of_reals, of_fakes = (both[0][label] - both[1][label] for label in (0, 1))
    difference = float(of_fakes.mean())
    se = sum(float(np.var(one, ddof=1)) / len(one) for one in (of_reals, of_fakes)) ** 0.5
    margin = NORMAL_95 * se
    if se < SAME:  # the difference is the same on every face
        pairs = min(len(of_reals), len(of_fakes))
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


def _resampled(joined: CommonFaces, rankings: list[list[Ranking]], how: Resampling) -> list[Floats]:
    """The AUC of each detector in each resample of people and training seeds, [resamples] each.

    Both detectors use the same resample of people and, if they have the same training seeds, of these.
    """
    seeds = [joined.first.seeds, joined.second.seeds]
    first = seed_counts(len(seeds[0]), how)
    drawn = [first, first if seeds[0] == seeds[1] else seed_counts(len(seeds[1]), how, "training seeds of B")]
    found = resampled_aucs(rankings, drawn, joined.first.labels, joined.first.people, how)
    return [mean_of_drawn(values, one) for values, one in zip(found, drawn, strict=True)]


def compare(
    joined: CommonFaces,
    thresholds: tuple[float | Sequence[float], float | Sequence[float]],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Compare two detectors on the faces that both have scored.

    Args:
        joined: those faces.
        thresholds: thresholds on the score, of the first and the second detector: one of each training seed, or one
            for all.
        resamples: bootstrap resamples of people and training seeds. Identities are from the first table, or from the
            second if the first has none.
        seed: seed of the bootstrap.

    Returns:
        `n`; `seeds`, the training seeds of both; `auc` and `accuracy` of both, means over training seeds;
        `auc_seeds`, the AUC of each training seed, and `auc_intervals` of both, over people and training seeds;
        `thresholds` of both and `mcnemar`, of the network of the first training seed; `delong`; and `people`, the
        interval of the AUC difference over people and training seeds.

    Raises:
        UserError: a class has fewer than two faces.
    """
    people = people_of(zip(joined.first.faces["id"], joined.first.faces["identity"], strict=True))
    joined = replace(joined, first=replace(joined.first, faces=one_person_by_faces(joined.first.faces)))
    first, second, how = joined.first, joined.second, Resampling(resamples, seed)
    reals, fakes = int((first.labels == 0).sum()), int((first.labels == 1).sum())
    if min(reals, fakes) < 2:
        raise UserError(f"{reals} real and {fakes} fake faces are in both tables: at least two of each are needed")
    rankings = [[Ranking(one.labels, values) for values in one.values] for one in (first, second)]
    alone = [[ranking.all_once().auc for ranking in of] for of in rankings]
    aucs = _resampled(joined, rankings, how)
    pairs = Trials.of(first.labels, first.labels == 1, first.people).pairs
    limits = [
        np.broadcast_to(np.asarray(one, np.float64), len(of.seeds))
        for one, of in zip(thresholds, (first, second), strict=True)
    ]
    right = [
        (one.scores >= limit[:, None]) == (one.labels == 1)
        for one, limit in zip((first, second), limits, strict=True)
    ]
    return {
        "n": {
            "reals": reals,
            "fakes": fakes,
            "only_first": joined.only_first,
            "only_second": joined.only_second,
            "joined_by": joined.by,
            **people,
        },
        "seeds": [first.seeds, second.seeds],
        "auc": [float(np.mean(of)) for of in alone],
        "auc_seeds": [by_name(one.seeds, of) for one, of in zip((first, second), alone, strict=True)],
        "thresholds": [float(limit[0]) for limit in limits],
        "accuracy": [float(one.mean()) for one in right],
        "delong": delong(first.labels, first.values, second.values),
        "people": bounded(aucs[0] - aucs[1], pairs, least=-1.0),
        "auc_intervals": [bounded(of, pairs) for of in aucs],
        "mcnemar": mcnemar(right[0][0], right[1][0]),
    }
