"""The confusion matrix at a threshold, and the metrics derived from it."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
"""The confusion matrix; fake is the positive class."""


def cells(labels: npt.NDArray[np.int64], scores: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Assign each face to a cell of the confusion matrix, [4, n] in the order of CELLS.

    A face is called fake if its score is at or above the threshold.
    """
    fake, called = labels == 1, scores >= threshold
    return np.stack([fake & called, ~fake & called, fake & ~called, ~fake & ~called])


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, or 0 if the whole is 0, as in scikit-learn."""
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def rates(counts: npt.ArrayLike) -> dict[str, Floats]:
    """Accuracy, balanced accuracy, precision, recall and F1 of confusion matrices.

    Args:
        counts: numbers of faces, [4, ...] in the order of CELLS.
    """
    tp, fp, fn, tn = np.asarray(counts, np.float64)
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def at_threshold(labels: npt.NDArray[np.int64], scores: Floats, threshold: float) -> dict[str, Any]:
    """The metrics of `rates` at a threshold, and `confusion`, the counts."""
    counts = cells(labels, scores, threshold).sum(1)
    found = {name: float(value) for name, value in rates(counts).items()}
    return {**found, "confusion": dict(zip(CELLS, map(int, counts), strict=True))}
