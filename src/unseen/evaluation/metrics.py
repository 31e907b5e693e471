"""Metrics of one detector on one pair of sets, computed from predictions."""

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
from unseen.evaluation.bootstrap import resample_counts
from unseen.evaluation.pair_bounds import Trials, interval_of
from unseen.evaluation.ranking import Ranked, Ranking
from unseen.evaluation.reliability import log_losses, probability_errors, reliability, squared_errors
from unseen.evaluation.shares import rate_above, share
from unseen.evaluation.verdicts import at_threshold, cells, rates

HALF = 0.5
"""The usual threshold if none was fitted."""


@dataclass(frozen=True)
class LabelledScores:
    """Labels and scores of faces of both classes.

    Attributes:
        labels: [n], 0 real and 1 fake.
        values: [n], the values for ranking: logits if available, since scores may saturate; otherwise scores.
        scores: [n], probabilities of being fake.
        raw: [n], the scores before temperature scaling, None without logits.
        people: [n], the person of each face, numbered from 0.
    """

    labels: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    raw: npt.NDArray[np.float64] | None
    people: npt.NDArray[np.int64]

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> "LabelledScores":
        """Create from the columns label, identity, score and, if present, logit."""
        scores = predictions["score"].to_numpy(np.float64)
        logits = predictions["logit"].to_numpy(np.float64) if "logit" in predictions else None
        values, raw = (scores, None) if logits is None else (logits, expit(logits))
        people, _ = pd.factorize(predictions["identity"])
        return cls(predictions["label"].to_numpy(np.int64), values, scores, raw, people.astype(np.int64))


def intervals(
    scored: LabelledScores, ranking: Ranking, threshold: float, resamples: int, seed: int
) -> dict[str, Any]:
    """95 % intervals over people of all scalar metrics, by name; see `bounds` if all resamples agree.

    Resamples without faces of one class are skipped.
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
    for counts in resample_counts(persons, resamples, seed):
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


def _at_fprs(scored: LabelledScores, frozen: Mapping[str, float]) -> dict[str, Any]:
    """TPR at each of FPRS: `frozen` has the threshold from the validation reals, `oracle` that from these reals."""
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
        del oracle["threshold"]  # it is on the logit, and is fitted to the evaluated faces, so it must not be used
        found[name] = {"oracle": oracle}
        if name in frozen:
            found[name]["frozen"] = outcome(scored.scores, frozen[name])
    return found


def _people(faces: pd.DataFrame) -> dict[str, int]:
    return people_of(zip(faces["id"], faces["identity"], strict=True))


def both_metrics(
    both: pd.DataFrame, threshold: float, resamples: int, seed: int, at_fpr: Mapping[str, float]
) -> dict[str, Any]:
    """`pair_metrics` for one table with faces of both classes."""
    scored = LabelledScores.of(both)
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
    """Compute all metrics of one detector on one pair of sets; docs/metrics.md defines them.

    Args:
        reals: predictions on real faces.
        fakes: predictions on fakes.
        threshold: threshold on the score, frozen on validation data.
        resamples: bootstrap resamples of people.
        seed: seed of the bootstrap.
        at_fpr: thresholds on the score from validation reals, by the names of FPRS.

    Returns:
        `auc`, `average_precision` and `eer`, with value and interval; at the threshold `accuracy`,
        `balanced_accuracy`, `precision`, `recall`, `f1`, `confusion`, `tpr` and `fpr`; `at_half`, the same from
        `accuracy` to `confusion` at 0.5; `people` of `reals` and `fakes`, see `people_of`; `at_fpr`; `mse`, `rmse`,
        `log_loss` and `ece` of the scores, and in `before_temperature` of the scores before temperature scaling;
        and `intervals` of the scalar metrics.
    """
    return both_metrics(pd.concat([reals, fakes], ignore_index=True), threshold, resamples, seed, at_fpr or {})


def roc_points(reals: pd.DataFrame, fakes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The corners of the ROC curve, [points, 2]: FPR and TPR."""
    both = pd.concat([reals, fakes], ignore_index=True)
    fpr, tpr, _ = roc_curve(both["label"], both["logit"])
    return np.stack([fpr, tpr], 1)


def reliability_curves(reals: pd.DataFrame, fakes: pd.DataFrame) -> pd.DataFrame:
    """The reliability curves of a pair: columns of `reliability`, and `temperature`, which is `before` or `after`."""
    scored = LabelledScores.of(pd.concat([reals, fakes], ignore_index=True))
    assert scored.raw is not None
    curves = {"before": scored.raw, "after": scored.scores}
    return pd.concat(
        [reliability(scored.labels, scores).assign(temperature=when) for when, scores in curves.items()],
        ignore_index=True,
    )
