"""The numbers of an ensemble, computed anew from Parquet files: `recompute_ensemble.py JSON` prints them as JSON.

JSON holds `seed`, the training seed whose rows are used, `weights` by member, `validation` and `sets` (of each, the
file of each member), `own` (the ensemble's file of each set), `max_fpr` and `unsure_tail`. This program shares no
code with the library and imports nothing of it.
Temperatures are not read from cards but from the files: they hold the logit before a temperature and the score after.
"""

import json
import math
import sys

import numpy as np
import pyarrow.parquet as pq


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def rows(path, seed):
    return [row for row in pq.read_table(path).to_pylist() if row["seed"] == seed]


def temperature(path, seed):
    found = [
        r["logit"] / math.log(r["score"] / (1 - r["score"])) for r in rows(path, seed) if 0.02 < r["score"] < 0.98
    ]
    return float(np.median([t for t in found if t]))


def combined(files, seed, weights, temperatures):
    """Faces that all members have: sorted (id, sha256) with label and logit."""
    by_face = {name: {(r["id"], r["sha256"]): r for r in rows(path, seed)} for name, path in files.items()}
    shared = set.intersection(*map(set, by_face.values()))
    total = sum(weights.values())
    found = []
    for face in sorted(shared):
        logit = sum(weights[name] * by_face[name][face]["logit"] / temperatures[name] for name in files) / total
        found.append((face, by_face[next(iter(files))][face]["label"], logit))
    return found


def best_temperature(reals, fakes):
    """The root of the derivative of Platt's loss in log T, by bisection."""
    high, low = (len(fakes) + 1) / (len(fakes) + 2), 1 / (len(reals) + 2)

    def slope(t):  # d/d(log T) of the summed loss
        return -sum(z / t * (sigmoid(z / t) - y) for some, y in ((reals, low), (fakes, high)) for z in some)

    a, b = 0.01, 100.0
    for _ in range(200):
        middle = math.sqrt(a * b)
        a, b = (middle, b) if slope(middle) < 0 else (a, middle)
    return math.sqrt(a * b)


def highest_allowed(scores, fpr):
    """One float above the highest score that may not be reached."""
    ordered = sorted(scores, reverse=True)
    k = max(k for k in range(len(ordered)) if k / len(ordered) <= fpr)
    return np.nextafter(ordered[k], math.inf)


def threshold_of(reals, fakes, t, max_fpr):
    lowest = highest_allowed([sigmoid(z / t) for z in reals], max_fpr)
    caught = [z for z in fakes if sigmoid(z / t) >= lowest]
    if not caught:
        return lowest
    below = [z for z in reals if sigmoid(z / t) < sigmoid(min(caught) / t)]
    return sigmoid((max(below) + min(caught)) / 2 / t)


def loss(reals, fakes, t):
    terms = [math.log1p(math.exp(z / t)) for z in reals] + [math.log1p(math.exp(-z / t)) for z in fakes]
    return math.fsum(terms) / len(terms)


def main(given):
    weights, seed = given["weights"], given["seed"]
    temperatures = {name: temperature(path, seed) for name, path in given["validation"].items()}
    val = combined(given["validation"], seed, weights, temperatures)
    reals, fakes = ([z for _, y, z in val if y == label] for label in (0, 1))
    t = temperature(next(iter(given["own"].values())), seed)
    real_scores, fake_scores = ([sigmoid(z / t) for z in some] for some in (reals, fakes))
    threshold = threshold_of(reals, fakes, t, given["max_fpr"])
    edges = [
        threshold,
        np.quantile(fake_scores, given["unsure_tail"]),
        np.quantile(real_scores, 1 - given["unsure_tail"]),
    ]
    predictions = {name: combined(files, seed, weights, temperatures) for name, files in given["sets"].items()}
    found = {
        "best_temperature": best_temperature(reals, fakes),
        "calibration": {
            "temperature": t,
            "threshold": threshold,
            "unsure": [min(edges), max(edges)],
            "max_fpr": given["max_fpr"],
            "unsure_tail": given["unsure_tail"],
            "at_fpr": {
                name: highest_allowed(real_scores, fpr)
                for name, fpr in (("fpr_0_5", 0.005), ("fpr_1", 0.01), ("fpr_5", 0.05))
            },
            "validation": {
                "reals": len(reals),
                "fakes": len(fakes),
                "fpr": sum(s >= threshold for s in real_scores) / len(reals),
                "tpr": sum(s >= threshold for s in fake_scores) / len(fakes),
                "log_loss": loss(reals, fakes, t),
                "log_loss_uncalibrated": loss(reals, fakes, 1.0),
            },
        },
        "predictions": {
            name: [
                {"id": face[0], "label": label, "logit": z, "score": sigmoid(z / t)} for face, label, z in predicted
            ]
            for name, predicted in predictions.items()
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
