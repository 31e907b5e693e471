"""Metrics of one detector on one pair of sets, as a function of predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.metrics import roc_curve

from unseen.core.thresholds import FPRS, threshold_at
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import draws
from unseen.evaluation.pair_bounds import Trials, interval_of
from unseen.evaluation.ranking import Ranked, Ranking
from unseen.evaluation.reliability import log_losses, probability_errors, reliability, squared_errors
from unseen.evaluation.shares import rate_above, share
from unseen.evaluation.verdicts import at_threshold, cells, rates

HALF = 0.5
"""The threshold that is usual where none was frozen."""


@dataclass(frozen=True)
class Scored:
    """Faces of both classes and what a detector said of them.

    Attributes:
        labels: [n], 0 real and 1 fake.
        values: [n], what ranks: logits, where there are any, since scores may saturate.
        scores: [n], probabilities of being fake.
        raw: [n], the scores before the temperature, where that is known.
        people: [n], whose face it is, as numbers from 0 on.
    """

    labels: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    raw: npt.NDArray[np.float64] | None
    people: npt.NDArray[np.int64]

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> "Scored":
        """From columns label, identity, score and, where there are logits, logit."""
        scores = predictions["score"].to_numpy(np.float64)
        logits = predictions["logit"].to_numpy(np.float64) if "logit" in predictions else None
        values, raw = (scores, None) if logits is None else (logits, expit(logits))
        people, _ = pd.factorize(predictions["identity"])
        return cls(predictions["label"].to_numpy(np.int64), values, scores, raw, people.astype(np.int64))


def intervals(scored: Scored, ranking: Ranking, threshold: float, resamples: int, seed: int) -> dict[str, Any]:
    """95 % intervals over people of all that is one number, by name; see `bounds` for where all resamples agree.

    A resample that lost a class is left out.
    """
    persons = int(scored.people.max()) + 1
    reals, fakes = scored.people[ranking.reals], scored.people[ranking.fakes]
    of_faces = [
        *cells(scored.labels, scored.scores, threshold),
        squared_errors(scored.labels, scored.scores),
        log_losses(scored.labels, scored.scores),
        np.ones(len(scored.labels)),
    ]
    of_people = np.stack([np.bincount(scored.people, values, minlength=persons) for values in of_faces], 1)
    ranked, sums = [], []
    for counts in draws(persons, resamples, seed):
        found = ranking.weighted(counts[reals], counts[fakes])
        if found:
            ranked.append(found)
            sums.append(counts @ of_people)
    *confusion, squares, losses, n = np.asarray(sums).T
    mse = squares / n
    errors = {"mse": mse, "rmse": np.sqrt(mse), "log_loss": losses / n}
    named = dict(zip(Ranked._fields, np.asarray(ranked).T, strict=True)) | rates(confusion) | errors
    trials = Trials.of(scored.labels, scored.scores >= threshold, scored.people)
    return {name: interval_of(name, values, trials) for name, values in named.items()}


def _at_fprs(scored: Scored, frozen: Mapping[str, float]) -> dict[str, Any]:
    """TPR at each of FPRS: `frozen`, at the threshold that validation reals gave, and `oracle`, at the one
    that these reals give."""
    found: dict[str, Any] = {}
    fakes = scored.labels == 1
    n_reals, n_fakes = int((~fakes).sum()), int(fakes.sum())

    def outcome(values: npt.NDArray[np.float64], threshold: float) -> dict[str, Any]:
        reached = values >= threshold
        return {
            "tpr": share(int(reached[fakes].sum()), n_fakes),
            "fpr": share(int(reached[~fakes].sum()), n_reals),
            "threshold": threshold,
        }

    for name, fpr in FPRS.items():
        oracle = outcome(scored.values, threshold_at(scored.values[~fakes], fpr))
        del oracle["threshold"]  # on the logit, and nobody may use it
        found[name] = {"oracle": oracle}
        if name in frozen:
            found[name]["frozen"] = outcome(scored.scores, frozen[name])
    return found


def _people(faces: pd.DataFrame) -> dict[str, int]:
    return people_of(zip(faces["id"], faces["identity"], strict=True))


def both_metrics(
    both: pd.DataFrame, threshold: float, resamples: int, seed: int, at_fpr: Mapping[str, float]
) -> dict[str, Any]:
    """`pair_metrics` of one table with faces of both classes."""
    scored = Scored.of(both)
    ranking = Ranking(scored.labels, scored.values)
    around = intervals(scored, ranking, threshold, resamples, seed)
    ranked = {name: {"value": value, **around.pop(name)} for name, value in ranking.all_once()._asdict().items()}
    raw = {} if scored.raw is None else {"before_temperature": probability_errors(scored.labels, scored.raw)}
    return {
        **ranked,
        **at_threshold(scored.labels, scored.scores, threshold),
        "at_half": at_threshold(scored.labels, scored.scores, HALF),
        "tpr": rate_above(both[both["label"] == 1], threshold),
        "fpr": rate_above(both[both["label"] == 0], threshold),
        "people": {name: _people(both[both["label"] == label]) for label, name in enumerate(("reals", "fakes"))},
        "at_fpr": _at_fprs(scored, at_fpr),
        **probability_errors(scored.labels, scored.scores),
        **raw,
        "intervals": around,
    }


def pair_metrics(
    reals: pd.DataFrame,
    fakes: pd.DataFrame,
    threshold: float,
    resamples: int,
    seed: int,
    at_fpr: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Everything about one detector on one pair of sets, at its frozen threshold; docs/metrics.md defines each.

    Args:
        reals: predictions on real faces.
        fakes: predictions on fakes.
        threshold: frozen on validation data, on the score.
        resamples: of people, for the intervals.
        seed: of the bootstrap.
        at_fpr: thresholds on the score from validation reals, by the names of FPRS.

    Returns:
        `auc`, `average_precision` and `eer`, each with value and interval; at the threshold `accuracy`,
        `balanced_accuracy`, `precision`, `recall`, `f1`, `confusion`, `tpr` (share of fakes) and `fpr` (of
        reals), `people` (see `people_of`) of `reals` and `fakes`; `at_half`, the same at 0.5; `at_fpr`; `mse`,
        `rmse`, `log_loss` and `ece` of the score, and `before_temperature`; `intervals` of those that are plain
        numbers.
    """
    return both_metrics(pd.concat([reals, fakes], ignore_index=True), threshold, resamples, seed, at_fpr or {})


def roc_points(reals: pd.DataFrame, fakes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The ROC curve as [points, 2]: false-positive and true-positive rate, corners only."""
    both = pd.concat([reals, fakes], ignore_index=True)
    fpr, tpr, _ = roc_curve(both["label"], both["logit"])
    return np.stack([fpr, tpr], 1)


def reliability_curves(reals: pd.DataFrame, fakes: pd.DataFrame) -> pd.DataFrame:
    """The reliability curves of a pair: the columns of `reliability`, and `temperature`, `before` or `after`."""
    scored = Scored.of(pd.concat([reals, fakes], ignore_index=True))
    assert scored.raw is not None
    curves = {"before": scored.raw, "after": scored.scores}
    return pd.concat(
        [reliability(scored.labels, scores).assign(temperature=when) for when, scores in curves.items()],
        ignore_index=True,
    )
