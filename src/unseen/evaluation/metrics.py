"""Metrics of one detector on one pair of sets, computed from predictions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_curve

from unseen.core.thresholds import FPRS, threshold_at
from unseen.data.identities import people_of
from unseen.evaluation.bootstrap import Resampling, by_name, mean_of_drawn, resample_counts, seed_counts, strata
from unseen.evaluation.pair_bounds import Trials, interval_of
from unseen.evaluation.ranking import Ranked, Ranking
from unseen.evaluation.rates import rate, rate_above
from unseen.evaluation.reliability import log_losses, probability_errors, reliability, squared_errors
from unseen.evaluation.scored import Frozen, Scored, frozen_of
from unseen.evaluation.verdicts import at_threshold, cells, rates

HALF = 0.5
"""The usual threshold if none was fitted."""

Floats = npt.NDArray[np.float64]
Trained = Mapping[int, Frozen]


def mean_of(parts: list[Any]) -> Any:
    """The mean of the numbers in nested mappings of the same form; a single one is unchanged."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Mapping):
        return {key: mean_of([part[key] for part in parts]) for key in parts[0]}
    return float(np.mean(parts))


def _resampled(both: Scored, rankings: list[Ranking], frozen: list[Frozen], how: Resampling) -> dict[str, Floats]:
    """All metrics with intervals in each resample, [resamples] by name: the mean over the drawn training seeds."""
    labels, people = both.labels, both.people
    persons, seeds = int(people.max()) + 1, len(both.seeds)
    rows = [(people[ranking.reals], people[ranking.fakes]) for ranking in rankings]
    of_faces = [
        (*cells(labels, scores, one.threshold), squared_errors(labels, scores), log_losses(labels, scores))
        for scores, one in zip(both.scores, frozen, strict=True)
    ]
    columns = [values for of_seed in of_faces for values in of_seed] + [np.ones(len(labels))]
    of_people = np.stack([np.bincount(people, values, minlength=persons) for values in columns], 1)
    drawn = seed_counts(seeds, how)
    ranked, sums = np.zeros((how.resamples, seeds, 3)), np.empty((how.resamples, of_people.shape[1]))
    for number, counts in enumerate(resample_counts(strata(labels, people), how)):
        sums[number] = counts @ of_people
        for seed in np.flatnonzero(drawn[number]):
            reals, fakes = rows[seed]
            ranked[number, seed] = rankings[seed].weighted(counts[reals], counts[fakes])
    *confusion, squares, losses = np.moveaxis(sums[:, :-1].reshape(how.resamples, seeds, -1), 2, 0)
    mse = squares / sums[:, -1:]
    named = dict(zip(Ranked._fields, np.moveaxis(ranked, 2, 0), strict=True)) | rates(confusion)
    named |= {"mse": mse, "rmse": np.sqrt(mse), "log_loss": losses / sums[:, -1:]}
    return {name: mean_of_drawn(values, drawn) for name, values in named.items()}


def _at_fprs(both: Scored, frozen: list[Frozen], how: Resampling) -> dict[str, Any]:
    """TPR at each of FPRS: `frozen` has the thresholds from the validation reals, `oracle` those from these reals.

    With n reals, an FPR below 1 / n is not measurable.
    """
    found: dict[str, Any] = {}
    fake = both.labels == 1
    reals = int((~fake).sum())

    def outcome(called: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {
            name: rate(called[:, chosen], both.people[chosen], both.seeds, how)
            for name, chosen in (("tpr", fake), ("fpr", ~fake))
        }

    def unmeasurable(fpr: float, n: int | None, which: str) -> dict[str, Any] | None:
        if n is None or n * fpr > 1 - 1e-9:
            return None
        return {"tpr": None, "fpr": None, "reason": f"not measurable with {n} {which}"}

    for name, fpr in FPRS.items():
        # thresholds on the logit that are fitted to the evaluated faces must not be used, so they are not kept
        limits = np.array([threshold_at(values[~fake], fpr) for values in both.values])
        found[name] = {"oracle": unmeasurable(fpr, reals, "reals") or outcome(both.values >= limits[:, None])}
        if all(name in (one.at_fpr or {}) for one in frozen):
            thresholds = [one.at_fpr[name] for one in frozen]  # type: ignore[index]
            known = [one.validation_reals for one in frozen if one.validation_reals is not None]
            found[name]["frozen"] = {
                **(
                    unmeasurable(fpr, min(known, default=None), "validation reals")
                    or outcome(both.scores >= np.array(thresholds)[:, None])
                ),
                "threshold": thresholds[0],
                "thresholds": by_name(both.seeds, thresholds),
            }
    return found


def _people(faces: pd.DataFrame) -> dict[str, int]:
    return people_of(zip(faces["id"].tolist(), faces["identity"].tolist(), strict=True))


def both_metrics(both: Scored, trained: Trained, how: Resampling) -> dict[str, Any]:
    """`pair_metrics` for faces of both classes."""
    frozen, labels = frozen_of(trained, both.seeds), both.labels
    thresholds = [one.threshold for one in frozen]
    rankings = [Ranking(labels, values) for values in both.values]
    all_once = np.array([ranking.all_once() for ranking in rankings])
    plain = [
        {**at_threshold(labels, scores, threshold), **probability_errors(labels, scores)}
        for scores, threshold in zip(both.scores, thresholds, strict=True)
    ]
    resampled = _resampled(both, rankings, frozen, how)
    trials = Trials.least(
        [Trials.of(labels, scores >= t, both.people) for scores, t in zip(both.scores, thresholds, strict=True)]
    )
    around = {name: interval_of(name, found, trials) for name, found in resampled.items()}
    rate_of = {
        name: rate_above(both.take(labels == label), thresholds, how) for label, name in enumerate(("fpr", "tpr"))
    }
    around["recall"] = {end: rate_of["tpr"][end] for end in ("low", "high")}
    beside = [
        {
            "at_half": at_threshold(labels, scores, HALF),
            **({} if both.raw is None else {"before_temperature": probability_errors(labels, both.raw[number])}),
        }
        for number, scores in enumerate(both.scores)
    ]
    without_interval = ("confusion", "ece")
    return {
        **{
            name: {"value": float(values.mean()), **around.pop(name), "seeds": by_name(both.seeds, values)}
            for name, values in zip(Ranked._fields, all_once.T, strict=True)
        },
        **mean_of(plain),
        **mean_of(beside),
        **rate_of,
        "people": {name: _people(both.faces[labels == label]) for label, name in enumerate(("reals", "fakes"))},
        "at_fpr": _at_fprs(both, frozen, how),
        "intervals": {
            name: {**one, "seeds": by_name(both.seeds, [of[name] for of in plain])} for name, one in around.items()
        },
        "by_seed": {
            str(seed): {**{name: of[name] for name in without_interval}, **more}
            for seed, of, more in zip(both.seeds, plain, beside, strict=True)
        },
    }


def same_threshold(threshold: float, seeds: list[int]) -> dict[int, Frozen]:
    """One threshold for every training seed."""
    return {seed: Frozen(threshold) for seed in seeds}


def pair_metrics(reals: Scored, fakes: Scored, trained: Trained, how: Resampling) -> dict[str, Any]:
    """Compute all metrics of one detector on one pair of sets; docs/metrics.md defines them.

    Args:
        reals: predictions on real faces.
        fakes: predictions on fakes.
        trained: what was frozen for each training seed.
        how: of the bootstrap.

    Returns:
        `auc`, `average_precision` and `eer`, with `value`, the mean over training seeds, its interval, and `seeds`,
        the value of each; `tpr` and `fpr`, see `rate`; at the threshold of each seed `accuracy`, `balanced_accuracy`,
        `precision`, `recall`, `f1` and `confusion`, the mean over seeds; `at_half`, the same at 0.5; `people` of
        `reals` and `fakes`, see `people_of`; `at_fpr`; `mse`, `rmse`, `log_loss` and `ece` of the scores, and in
        `before_temperature` of the scores before temperature scaling; `intervals` of the scalar metrics, with their
        `seeds`; and `by_seed`, what has no interval, for each seed.
    """
    return both_metrics(Scored.joined([reals, fakes]), trained, how)


def roc_points(both: Scored) -> pd.DataFrame:
    """The corners of the ROC curve of each training seed: columns seed, fpr, tpr."""
    curves = []
    for seed, values in zip(both.seeds, both.values, strict=True):
        fpr, tpr, _ = roc_curve(both.labels, values)
        curves.append(pd.DataFrame({"seed": seed, "fpr": fpr, "tpr": tpr}))
    return pd.concat(curves, ignore_index=True)


def reliability_curves(both: Scored) -> pd.DataFrame:
    """The reliability curves of each training seed: columns of `reliability`, `seed`, and `temperature`, which is
    `before` (if there are logits) or `after`."""
    when = {"before": both.raw, "after": both.scores}
    return pd.concat(
        [
            reliability(both.labels, scores[number]).assign(seed=seed, temperature=name)
            for name, scores in when.items()
            if scores is not None
            for number, seed in enumerate(both.seeds)
        ],
        ignore_index=True,
    )
