"""Metrics of one detector from its predictions on every evaluation set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unseen.core.errors import UserError
from unseen.core.files import atomic_file, write_metrics
from unseen.core.settings import did_you_mean
from unseen.data.evaluation_sets import Pair, pairs_of
from unseen.data.identities import people_of
from unseen.data.predictions import read_predictions
from unseen.evaluation.groups import attributes_of, by_group
from unseen.evaluation.metrics import HALF, pair_metrics, reliability_curves, roc_points
from unseen.evaluation.ranking import Ranking
from unseen.evaluation.reliability import squared_errors
from unseen.evaluation.settings import EvaluationSettings
from unseen.evaluation.shares import rate_above, rates_above

Predictions = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Evaluation:
    """Metrics and curves of one detector.

    Attributes:
        metrics: `threshold`; `sets`, the shares of each set that are called fake and unsure; `generators`, the TPR
            and AUC of each generator; `sources`, the FPR of each source; `pairs`, see `pair_metrics`; `worst`, the
            worst values over the pairs; `pooled`, all reals against all fakes; `groups`, the rates of groups in each
            pair; `groups_without`, the pairs in which no face has any of the attributes.
        roc: columns pair, fpr, tpr.
        reliability: columns pair, temperature, low, high, n, predicted, observed.
    """

    metrics: dict[str, Any]
    roc: pd.DataFrame
    reliability: pd.DataFrame


def _of_set(frame: pd.DataFrame, threshold: float, unsure: tuple[float, float]) -> dict[str, Any]:
    labels, scores = frame["label"].to_numpy(np.int64), frame["score"].to_numpy(np.float64)
    return {
        "label": "fake" if labels[0] else "real",
        "generators": sorted(set(frame["generator"]) - {""}),
        "called_fake": rate_above(frame, threshold),
        "called_fake_at_half": rate_above(frame, HALF),
        "mse": float(squared_errors(labels, scores).mean()),
        "unsure": float(frame["score"].between(*unsure).mean()),
        **people_of(zip(frame["id"], frame["identity"], strict=True)),
    }


def _joined(predictions: Predictions, names: Sequence[str]) -> pd.DataFrame:
    """Concatenate sets; a face that is in several sets counts once."""
    return pd.concat([predictions[name] for name in names], ignore_index=True).drop_duplicates("id")


def _generators(predictions: Predictions, pairs: Mapping[str, Pair], threshold: float) -> dict[str, Any]:
    """The TPR of each generator, and the `auc` of its fakes against all reals that its sets are paired with."""
    fakes = [name for name, frame in predictions.items() if frame["label"].iloc[0] == 1]
    if not fakes:
        return {}
    found: dict[str, Any] = {}
    everything = _joined(predictions, fakes)
    for generator, tpr in rates_above(everything, "generator", threshold).items():
        sets = [name for name in fakes if (predictions[name]["generator"] == generator).any()]
        against = sorted({pair.reals for pair in pairs.values() if pair.fakes in sets})
        found[generator] = {"tpr": tpr, "sets": sets, "against": against}
        if against:
            rows = everything[everything["generator"] == generator]
            both = pd.concat([_joined(predictions, against), rows], ignore_index=True)
            ranking = Ranking(both["label"].to_numpy(np.int64), both["logit"].to_numpy(np.float64))
            found[generator]["auc"] = ranking.all_once().auc
    return found


def _grouped(
    predictions: Predictions, pairs: Mapping[str, Pair], threshold: float, attributes: Sequence[str]
) -> dict[str, Any]:
    """The rates of groups in each pair, for those attributes that some face of the pair has.

    Raises:
        UserError: an attribute is not found in any pair.
    """
    known: set[str] = set()
    groups, without = {}, []
    for name, pair in pairs.items() if attributes else ():
        both = _joined(predictions, [pair.reals, pair.fakes])
        found = attributes_of(both)
        known |= found
        if there := [attribute for attribute in attributes if attribute in found]:
            groups[name] = by_group(both, threshold, there)
        else:
            without.append(name)
    for attribute in attributes:
        if attribute not in known:
            raise UserError(
                f"`evaluation.groups` names {attribute!r}, but no face of any pair has it; "
                f"{did_you_mean(attribute, sorted(known))}"
            )
    return {"groups": groups, "groups_without": without}


def evaluate(
    folder: Path,
    names: Sequence[str],
    threshold: float,
    unsure: tuple[float, float],
    settings: EvaluationSettings,
    seed: int,
    at_fpr: Mapping[str, float] | None = None,
) -> Evaluation:
    """Compute the metrics of one detector.

    Args:
        folder: folder with one Parquet file of predictions for each evaluation set.
        names: names of the evaluation sets.
        threshold: threshold on the score, frozen on validation data.
        unsure: the range of scores that are unsure, frozen on validation data.
        settings: pairs, groups and bootstrap resamples.
        seed: seed of the bootstrap.
        at_fpr: frozen thresholds at other FPRs, by the names of `thresholds.FPRS`.

    Raises:
        UserError: predictions are missing or damaged, or no face has an attribute of `settings.groups`.
    """
    predictions = {name: read_predictions(folder / f"{name}.parquet") for name in names}
    at_fpr = at_fpr or {}
    sets = {name: _of_set(frame, threshold, unsure) for name, frame in predictions.items()}
    stated = pairs_of(settings.pairs, {name: one["label"] for name, one in sets.items()})
    pairs, rocs, curves = {}, [], []
    for name, pair in stated.items():
        reals, fakes = predictions[pair.reals], predictions[pair.fakes]
        found = pair_metrics(reals, fakes, threshold, settings.resamples, seed, at_fpr)
        pairs[name] = {"reals": pair.reals, "fakes": pair.fakes, "matched": pair.matched, **found}
        rocs.append(pd.DataFrame(roc_points(reals, fakes), columns=["fpr", "tpr"]).assign(pair=name))
        curves.append(reliability_curves(reals, fakes).assign(pair=name))
    worst = {
        "auc": min(pair["auc"]["value"] for pair in pairs.values()),
        "tpr": min(pair["tpr"]["share"] for pair in pairs.values()),
        "fpr": max(pair["fpr"]["share"] for pair in pairs.values()),
    }
    classes = {label: [name for name, one in sets.items() if one["label"] == label] for label in ("real", "fake")}
    reals, fakes = (_joined(predictions, of) for of in classes.values())
    pooled = pair_metrics(reals, fakes, threshold, settings.resamples, seed, at_fpr)
    metrics = {
        "threshold": threshold,
        "sets": sets,
        "generators": _generators(predictions, stated, threshold),
        "sources": rates_above(reals, "source", threshold),
        "pairs": pairs,
        "worst": worst,
        "pooled": {"reals": " + ".join(classes["real"]), "fakes": " + ".join(classes["fake"]), **pooled},
        **_grouped(predictions, stated, threshold, settings.groups),
    }
    order = ["pair", "temperature", "low", "high", "n", "predicted", "observed"]
    return Evaluation(
        metrics,
        pd.concat(rocs, ignore_index=True)[["pair", "fpr", "tpr"]],
        pd.concat(curves, ignore_index=True)[order],
    )


def evaluation_summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The TPR of each set of fakes and the FPR of each set of reals, which `unseen predict` reports."""
    called: dict[str, dict[str, Any]] = {"fake": {}, "real": {}}
    for name, one in metrics["sets"].items():
        called[one["label"]][name] = {**one["called_fake"], "generators": one["generators"]}
    return {"tpr": called["fake"], "fpr": called["real"]}


def write_evaluation(found: Evaluation, name: str, metrics: Path) -> None:
    """Write the metrics and curves of a detector or an ensemble.

    Args:
        found: from `evaluate`.
        name: of the detector or ensemble.
        metrics: the folder; `detectors/NAME.json`, `roc/NAME.csv` and `reliability/NAME.csv` are written below it.
    """
    write_metrics(metrics / "detectors" / f"{name}.json", found.metrics)
    for curve, frame in (("roc", found.roc), ("reliability", found.reliability)):
        with atomic_file(metrics / curve / f"{name}.csv") as part:
            frame.assign(detector=name).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
