"""Metrics of one detector from its predictions on every evaluation set."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.core.settings import did_you_mean
from unseen.data.evaluation_sets import Pair, pairs_of
from unseen.data.identities import people_of
from unseen.data.predictions import read_predictions
from unseen.evaluation.bootstrap import Resampling, bounded, by_name, mean_of_drawn, seed_counts
from unseen.evaluation.controls import controls
from unseen.evaluation.generator_seeds import by_generator_seed
from unseen.evaluation.groups import attributes_of, by_group
from unseen.evaluation.in_domain import in_domain, other_trainings
from unseen.evaluation.metrics import HALF, Trained, both_metrics, mean_of, reliability_curves, roc_points
from unseen.evaluation.pair_bounds import Trials
from unseen.evaluation.ranking import Ranking, resampled_aucs
from unseen.evaluation.rates import rate_above, rates_above
from unseen.evaluation.reliability import squared_errors
from unseen.evaluation.scored import Frozen, Scored, frozen_of
from unseen.evaluation.settings import EvaluationSettings

Predictions = Mapping[str, Scored]


@dataclass(frozen=True)
class Evaluation:
    """Metrics and curves of one detector.

    Attributes:
        metrics: `seeds`, the training seeds, and `thresholds`, that of each; `threshold`, that of the first seed;
            `sets`, the shares of each set that are called fake and unsure; `generators`, the TPR and AUC of each
            generator; `sources`, the FPR of each source; `pairs`, see `pair_metrics`, and their `by_generator_seed`
            and `other_trainings`;
            `controls`, the AUC of identity twins against their reals; `worst`, the worst values over the pairs;
            `pooled`, all reals against all fakes; `groups`, the rates of groups in each pair; `groups_without`, the
            pairs in which no face has any of the attributes.
        roc: columns pair, seed, fpr, tpr.
        reliability: columns pair, seed, temperature, low, high, n, predicted, observed.
    """

    metrics: dict[str, Any]
    roc: pd.DataFrame
    reliability: pd.DataFrame


def _of_set(faces: Scored, frozen: list[Frozen], how: Resampling) -> dict[str, Any]:
    thresholds = [one.threshold for one in frozen]
    by_seed = [
        {
            "mse": float(squared_errors(faces.labels, scores).mean()),
            "unsure": float(((scores >= one.unsure[0]) & (scores <= one.unsure[1])).mean()),
        }
        for scores, one in zip(faces.scores, frozen, strict=True)
    ]
    return {
        "label": "fake" if faces.labels[0] else "real",
        "generators": sorted(set(faces.faces["generator"]) - {""}),
        "called_fake": rate_above(faces, thresholds, how),
        "called_fake_at_half": rate_above(faces, HALF, how),
        "first_seed": rate_above(faces.first_seed(), thresholds[:1], how),
        **mean_of(by_seed),
        "by_seed": {str(seed): one for seed, one in zip(faces.seeds, by_seed, strict=True)},
        **people_of(zip(faces.faces["id"].tolist(), faces.faces["identity"].tolist(), strict=True)),
    }


def _auc(both: Scored, how: Resampling) -> dict[str, Any]:
    """The AUC alone, with its interval and the value of each training seed."""
    rankings = [Ranking(both.labels, values) for values in both.values]
    drawn = seed_counts(len(rankings), how)
    (found,) = resampled_aucs([rankings], [drawn], both.labels, both.people, how)
    aucs = [ranking.all_once().auc for ranking in rankings]
    pairs = Trials.of(both.labels, both.labels == 1, both.people).pairs
    around = bounded(mean_of_drawn(found, drawn), pairs)
    return {"value": float(np.mean(aucs)), **around, "seeds": by_name(both.seeds, aucs)}


def _generators(
    predictions: Predictions,
    pairs: Mapping[str, Pair],
    measured: Mapping[str, Any],
    thresholds: list[float],
    how: Resampling,
) -> dict[str, Any]:
    """The TPR of each generator, and the `auc` of its fakes against all reals that its sets are paired with."""
    fakes = [name for name, faces in predictions.items() if faces.labels[0] == 1]
    if not fakes:
        return {}
    found: dict[str, Any] = {}
    everything = Scored.joined(predictions[name] for name in fakes)
    for generator, tpr in rates_above(everything, "generator", thresholds, how).items():
        sets = [name for name in fakes if (predictions[name].faces["generator"] == generator).any()]
        against = sorted({pair.reals for pair in pairs.values() if pair.fakes in sets})
        found[generator] = {"tpr": tpr, "sets": sets, "against": against}
        if not against:
            continue
        alone = len(sets) == len(against) == 1 and set(predictions[sets[0]].faces["generator"]) == {generator}
        same = [name for name, pair in pairs.items() if [pair.reals, pair.fakes] == [*against, *sets]]
        if alone and same:  # the same faces as a pair: ranked already
            found[generator]["auc"] = measured[same[0]]["auc"]
        else:
            rows = everything.take((everything.faces["generator"] == generator).to_numpy())
            found[generator]["auc"] = _auc(Scored.joined([*(predictions[name] for name in against), rows]), how)
    return found


def _grouped(
    predictions: Predictions,
    pairs: Mapping[str, Pair],
    thresholds: list[float],
    attributes: Sequence[str],
    how: Resampling,
) -> dict[str, Any]:
    """The rates of groups in each pair, for those attributes that some face of the pair has.

    Raises:
        UserError: an attribute is not found in any pair.
    """
    known: set[str] = set()
    groups, without = {}, []
    for name, pair in pairs.items() if attributes else ():
        both = Scored.joined([predictions[pair.reals], predictions[pair.fakes]])
        found = attributes_of(both.faces)
        known |= found
        if there := [attribute for attribute in attributes if attribute in found]:
            groups[name] = by_group(both, thresholds, there, how)
        else:
            without.append(name)
    for attribute in attributes:
        if attribute not in known:
            raise UserError(
                f"`evaluation.groups` names {attribute!r}, but no face of any pair has it; "
                f"{did_you_mean(attribute, sorted(known))}"
            )
    return {"groups": groups, "groups_without": without}


def _worst(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """The lowest AUC and TPR and the highest FPR over the pairs, each with the name of its pair."""
    found = {}
    for key, value, sign in (("auc", "value", 1), ("tpr", "share", 1), ("fpr", "share", -1)):
        name = min(pairs, key=lambda pair: (sign * pairs[pair][key][value], pair))
        found[key] = {"pair": name, **pairs[name][key]}
    return found


def evaluate(
    folder: Path,
    names: Sequence[str],
    trained: Trained,
    settings: EvaluationSettings,
    seed: int,
    generators: Collection[str] = (),
) -> Evaluation:
    """Compute the metrics of one detector.

    Args:
        folder: folder with one Parquet file of predictions for each evaluation set.
        names: names of the evaluation sets.
        trained: what was frozen on validation data for each training seed, from `trainings_of`.
        settings: pairs, groups and bootstrap resamples.
        seed: seed of the bootstrap.
        generators: those that the detector has trained on; see `in_domain`.

    Raises:
        UserError: predictions are missing or damaged, training seeds differ between files or from `trained`, or no
            face has an attribute of `settings.groups`.
    """
    files = {name: folder / f"{name}.parquet" for name in names}
    predictions = {name: Scored.of(read_predictions(file), str(file)) for name, file in files.items()}
    how = Resampling(settings.resamples, seed)
    predictions, of_controls = controls(predictions, lambda both: _auc(both, how))
    frozen = {name: frozen_of(trained, faces.seeds, str(files[name])) for name, faces in predictions.items()}
    seeds, thresholds = sorted(trained), [trained[seed].threshold for seed in sorted(trained)]
    every, predictions = predictions, {name: in_domain(faces, generators) for name, faces in predictions.items()}
    sets = {name: _of_set(faces, frozen[name], how) for name, faces in predictions.items()}
    stated = pairs_of(settings.pairs, {name: one["label"] for name, one in sets.items()})
    pairs, rocs, curves = {}, [], []
    for name, pair in stated.items():
        both = Scored.joined([predictions[pair.reals], predictions[pair.fakes]])
        found = both_metrics(both, trained, how)
        pairs[name] = {
            **{"reals": pair.reals, "fakes": pair.fakes, "matched": pair.matched, **found},
            "by_generator_seed": by_generator_seed(both, thresholds),
            "other_trainings": other_trainings(
                Scored.joined([every[pair.reals], every[pair.fakes]]), generators, thresholds
            ),
        }
        rocs.append(roc_points(both).assign(pair=name))
        curves.append(reliability_curves(both).assign(pair=name))
    classes = {label: [name for name, one in sets.items() if one["label"] == label] for label in ("real", "fake")}
    reals, fakes = (Scored.joined(predictions[name] for name in of) for of in classes.values())
    pooled = both_metrics(Scored.joined([reals, fakes]), trained, how)
    metrics = {
        "seeds": seeds,
        "threshold": thresholds[0],
        "thresholds": by_name(seeds, thresholds),
        "sets": sets,
        "generators": _generators(predictions, stated, pairs, thresholds, how),
        "sources": rates_above(reals, "source", thresholds, how),
        "pairs": pairs,
        "controls": of_controls,
        "worst": _worst(pairs),
        "pooled": {"reals": " + ".join(classes["real"]), "fakes": " + ".join(classes["fake"]), **pooled},
        **_grouped(predictions, stated, thresholds, settings.groups, how),
    }
    order = ["pair", "seed", "temperature", "low", "high", "n", "predicted", "observed"]
    return Evaluation(
        metrics,
        pd.concat(rocs, ignore_index=True)[["pair", "seed", "fpr", "tpr"]],
        pd.concat(curves, ignore_index=True)[order],
    )


def evaluation_summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The TPR of each set of fakes and the FPR of each set of reals, which `unseen predict` reports.

    `share`, `low`, `high` and `n` are of the network of the first training seed, which the artifact holds. `mean`,
    `min` and `max` are over the training seeds.
    """
    called: dict[str, dict[str, Any]] = {"fake": {}, "real": {}}
    for name, one in metrics["sets"].items():
        first = {key: one["first_seed"][key] for key in ("share", "low", "high", "n")}
        over_seeds = one["called_fake"]["seeds"].values()
        spread = {"mean": one["called_fake"]["share"], "min": min(over_seeds), "max": max(over_seeds)}
        called[one["label"]][name] = {**first, **spread, "generators": one["generators"]}
    return {"seed": metrics["seeds"][0], "seeds": metrics["seeds"], "tpr": called["fake"], "fpr": called["real"]}


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
