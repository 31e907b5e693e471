"""The metrics of a file of predictions, computed anew: `recompute.py FILE.csv THRESHOLD` prints them as JSON.

It shares no code with the library and imports nothing of it: plain NumPy loops, and scikit-learn where it has the
metric. With a column `seed` every number is computed for each training seed and averaged.
"""

import csv
import json
import math
import sys

import numpy as np
from sklearn import metrics


def eer(labels, values):
    """Where the straight lines between ROC points cross FPR = 1 - TPR, by walking along them."""
    fpr, tpr, _ = metrics.roc_curve(labels, values, drop_intermediate=False)
    for (x0, y0), (x1, y1) in zip(
        zip(fpr, 1 - tpr, strict=False), zip(fpr[1:], 1 - tpr[1:], strict=False), strict=False
    ):
        if x1 >= y1:
            t = (y0 - x0) / ((x1 - x0) - (y1 - y0))
            return x0 + t * (x1 - x0)
    raise AssertionError("the curve ends at (1, 1)")


def ece(labels, scores, bins=15):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [i for i, s in enumerate(scores) if low < s <= high or (b == 0 and s == 0)]
        if inside:
            gap = abs(np.mean([labels[i] for i in inside]) - np.mean([scores[i] for i in inside]))
            total += len(inside) / len(scores) * gap
    return total


def errors(labels, scores):
    clipped = [min(max(s, 1e-12), 1 - 1e-12) for s in scores]
    mse = sum((s - y) ** 2 for y, s in zip(labels, scores, strict=False)) / len(labels)
    assert abs(mse - metrics.brier_score_loss(labels, scores)) < 1e-12
    return {
        "mse": mse,
        "rmse": math.sqrt(mse),
        "log_loss": -sum(math.log(s if y else 1 - s) for y, s in zip(labels, clipped, strict=False)) / len(labels),
        "ece": ece(labels, scores),
    }


def verdicts(labels, scores, threshold):
    said = [int(s >= threshold) for s in scores]
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, said, labels=[0, 1]).tolist()
    return {
        "accuracy": metrics.accuracy_score(labels, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, said),
        "precision": metrics.precision_score(labels, said, zero_division=0),
        "recall": metrics.recall_score(labels, said),
        "f1": metrics.f1_score(labels, said),
        "confusion": {"true_positives": tp, "false_positives": fp, "false_negatives": fn, "true_negatives": tn},
    }


def shares(rows, column, threshold):
    """Of each value of a column, the mean over training seeds of the share that is called fake."""
    found = {}
    for name in {row[column] for row in rows}:
        of_seeds = {}
        for row in rows:
            if row[column] == name:
                of_seeds.setdefault(seed_of(row), []).append(float(row["score"]) >= threshold)
        seeds = {seed: sum(part) / len(part) for seed, part in of_seeds.items()}
        found[name] = {
            "share": sum(seeds.values()) / len(seeds),
            "n": len(next(iter(of_seeds.values()))),
            "seeds": seeds,
        }
    return found


def seed_of(row):
    return row.get("seed", "0")


def mean(parts):
    """The mean of numbers that are nested alike."""
    if isinstance(parts[0], dict):
        return {key: mean([part[key] for part in parts]) for key in parts[0]}
    return math.fsum(parts) / len(parts)


def of_one_seed(rows, threshold):
    labels = [int(row["label"]) for row in rows]
    scores = [float(row["score"]) for row in rows]
    logits = [float(row["logit"]) for row in rows]
    fpr, tpr, _ = metrics.roc_curve(labels, logits, drop_intermediate=False)
    reals = labels.count(0)
    return {
        "auc": metrics.roc_auc_score(labels, logits),
        "average_precision": metrics.average_precision_score(labels, logits),
        "eer": eer(labels, logits),
        **verdicts(labels, scores, threshold),
        "at_half": verdicts(labels, scores, 0.5),
        "oracle": {
            name: max(tpr[fpr <= x])
            for name, x in (("fpr_0_5", 0.005), ("fpr_1", 0.01), ("fpr_5", 0.05))
            if reals * x >= 1
        },
        **errors(labels, scores),
        "before_temperature": errors(labels, [1 / (1 + math.exp(-x)) for x in logits]),
    }


def main(path, threshold):
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(handle))
    by_seed = {}
    for row in rows:
        by_seed.setdefault(seed_of(row), []).append(row)
    found = {seed: of_one_seed(some, threshold) for seed, some in by_seed.items()}
    reals, fakes = ([row for row in rows if int(row["label"]) == label] for label in (0, 1))
    together = {
        **mean(list(found.values())),
        "generators": shares(fakes, "generator", threshold),
        "sources": shares(reals, "source", threshold),
        "of_seeds": found,
    }
    print(json.dumps(together))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
