"""What a run found, in the form in which another run of the same params is compared with it: `metrics/findings.json`.

A claim, for instance that an AUC is above chance, is stated only if it would still be true after its numbers moved to
the nearer ends of their ranges (see `ranges`). Otherwise the trainings of another processor may find the opposite.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from unseen.evaluation.bounds import share_at_least
from unseen.evaluation.wording import CHANCE, against_chance
from unseen.report.ranges import stated_range
from unseen.report.results import Results, seen
from unseen.report.standing import BETTER, UNCLEAR, WORSE, cue_to_exceed, standing

Claim = dict[str, Any]
STANDINGS = {BETTER: "above", UNCLEAR: "not shown to differ", WORSE: "below"}


def findings(results: Results) -> dict[str, Any]:
    """Return the findings of a run.

    Returns:
        `params`, a hash of the params; `training_seeds`, how many; `exact`, counts that must be the same on every
        machine; `numbers`, each with `value`, `low`, `high` and `seeds` as in the metrics, and `range`, see
        `stated_range`; and `claims`, each with `is`, what was found, `stated`, and `numbers`, the names of those
        that it follows from.
    """
    numbers = dict(_numbers(results))
    return {
        "params": hashlib.sha256(results.params.model_dump_json().encode()).hexdigest()[:16],
        "training_seeds": min(len(metrics["seeds"]) for metrics in results.detectors.values()),
        "exact": dict(_exact(results)),
        "numbers": numbers,
        "claims": dict([*_of_detectors(results, numbers), *_of_generators(results, numbers), *_of_gans(results)]),
    }


def _exact(results: Results) -> Iterator[tuple[str, Any]]:
    """The counts of sources, and of evaluation sets out of them. Those of fakes depend on trainings."""
    for name in results.params.sources:
        counts = results.counts[name]
        yield f"{name}: pictures read", counts["read"]
        yield f"{name}: faces", counts["kept"]
        for split, faces in counts["splits"].items():
            yield f"{name}: faces in {split}", faces
        for split, people in counts["identities"].items():
            yield f"{name}: identities in {split}", people
    for name, item in results.params.evaluation_sets.items():
        if results.params.set_folders()[item.data][0] in results.params.sources:
            yield f"{name}: faces evaluated", results.selections[name]["kept"]


def _number(found: Mapping[str, Any], generator_seeds: Mapping[str, float], n: int) -> dict[str, Any]:
    value = found["share"] if "share" in found else found["value"]
    around = stated_range(value, found["seeds"], generator_seeds, n)
    return {"value": value, "low": found["low"], "high": found["high"], "seeds": found["seeds"], "range": around}


def _numbers(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """The FPR of each detector on each set of reals, its AUC and TPR on each pair."""
    for detector, metrics in sorted(results.detectors.items()):
        for name, one in metrics["pairs"].items():
            trainings = one["by_generator_seed"]
            for key, measure in (("auc", "AUC"), ("tpr", "TPR")):
                of_generator = {seed: values[key] for seed, values in trainings.items()}
                yield f"{detector} on {name}: {measure}", _number(one[key], of_generator, one["tpr"]["n"])
        for reals in sorted({one["reals"] for one in metrics["pairs"].values()}):
            fpr = metrics["sets"][reals]["called_fake"]
            yield f"{detector} on {reals}: FPR", _number(fpr, {}, fpr["n"])


def _moved(number: Mapping[str, Any], key: str, end: int) -> float:
    """An end of the interval, moved as far as the value may move: down for `end` 0, up for 1."""
    return float(number[key] + number["range"][end] - number["value"])


def _of_detectors(results: Results, numbers: Mapping[str, Any]) -> Iterator[tuple[str, Claim]]:
    """Claims on one number of a detector."""
    limit = results.params.calibration.max_fpr
    for detector, metrics in sorted(results.detectors.items()):
        for pair, one in metrics["pairs"].items():
            of_auc = [f"{detector} on {pair}: AUC"]
            auc = numbers[of_auc[0]]
            found = against_chance(auc)
            stated = auc["range"] is not None and all(
                against_chance({"low": _moved(auc, "low", end), "high": _moved(auc, "high", end)}) == found
                for end in (0, 1)
            )
            claim = {"is": STANDINGS[found], "stated": stated, "numbers": of_auc}
            yield f"{detector} on {pair}: AUC against chance", claim
            if not results.baselines.get(pair):
                continue
            cue = cue_to_exceed(results, pair)
            low, high = (cue["low"], cue["high"]) if cue else (CHANCE, CHANCE)
            provable = share_at_least(min(sum(people.values()) for people in one["people"].values()))
            better = standing(results, detector, pair) == BETTER
            stated = auc["range"] is not None and (
                min(_moved(auc, "low", 0), provable) > high if better else min(_moved(auc, "low", 1), provable) <= low
            )
            said = "better" if better else "not shown to be better"
            claim = {"is": said, "stated": stated, "numbers": of_auc}
            yield f"{detector} on {pair}: AUC against the best cue", claim
        for reals in sorted({one["reals"] for one in metrics["pairs"].values()}):
            of_fpr = [f"{detector} on {reals}: FPR"]
            fpr = numbers[of_fpr[0]]
            above = fpr["low"] > limit
            stated = fpr["range"] is not None and all((_moved(fpr, "low", end) > limit) == above for end in (0, 1))
            said = "above" if above else "not shown to be above"
            claim = {"is": said, "stated": stated, "numbers": of_fpr}
            yield f"{detector} on {reals}: FPR against {limit:.3g}", claim


def _of_generators(results: Results, numbers: Mapping[str, Any]) -> Iterator[tuple[str, Claim]]:
    """Claims on each held-out generator against the one in training with the highest AUC, if both have the same
    reals."""
    for detector, metrics in sorted(results.detectors.items()):
        pairs = metrics["pairs"]
        trained = {
            name: [seen(results, detector, generator) for generator in metrics["sets"][one["fakes"]]["generators"]]
            for name, one in pairs.items()
        }
        for held_out in (name for name, known in trained.items() if not any(known)):
            known = [
                name
                for name, one in pairs.items()
                if trained[name] and all(trained[name]) and one["reals"] == pairs[held_out]["reals"]
            ]
            if not known:
                continue
            domain = max(known, key=lambda name: (pairs[name]["auc"]["value"], name))
            for measure in ("AUC", "TPR"):
                of = [f"{detector} on {name}: {measure}" for name in (held_out, domain)]
                ours, theirs = (numbers[name] for name in of)
                lower = ours["value"] < theirs["value"]
                below, above = (ours, theirs) if lower else (theirs, ours)
                stated = None not in (ours["range"], theirs["range"]) and below["range"][1] < above["range"][0]
                name = f"{detector}: {measure} on {held_out} (held out) against {domain}"
                yield name, {"is": "lower" if lower else "not lower", "stated": stated, "numbers": of}


def _of_gans(results: Results) -> Iterator[tuple[str, Claim]]:
    """Whether most trainings of each GAN collapsed; stated if all of several agree."""
    for name, summary in sorted(results.gans.items()):
        found = [bool(one["collapsed"]) for one in summary["seeds"].values()]
        most = 2 * sum(found) > len(found)
        said = "most trainings collapsed" if most else "most trainings did not collapse"
        yield f"GAN {name}", {"is": said, "stated": len(found) > 1 and len(set(found)) == 1, "numbers": []}
