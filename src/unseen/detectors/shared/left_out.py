"""Choose among features by generators that are left out of the training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.core.errors import UserError
from unseen.data.pictures import Faces


def auc_without(
    train: Faces, val: Faces, fit: Callable[[npt.NDArray[np.bool_]], npt.NDArray[np.float64]]
) -> dict[str, float]:
    """The AUC on each training generator of a detector that was fitted without its fakes.

    Validation people are measured on: their reals against their fakes of the generator. Both sets of faces are of the
    training domain, so no held-out face is read.

    Args:
        train: training faces, with the column `generator`.
        val: validation faces.
        fit: gives the logits of `val` [n] after a fit to the training rows of a mask.

    Raises:
        UserError: there are fewer than two generators with training and validation fakes.
    """
    from sklearn.metrics import roc_auc_score  # takes a second

    made_by, of_val = (np.asarray(faces.columns["generator"]) for faces in (train, val))
    generators = sorted(set(made_by[train.labels == 1].tolist()) & set(of_val[val.labels == 1].tolist()))
    if len(generators) < 2:
        named = ", ".join(map(str, generators)) or "none"
        raise UserError(
            "`choose: true` leaves one training generator out at a time, which needs fakes of two or more in "
            f"`train_on.fakes`; there are those of: {named}. Add a generator, or name `features` and `norm`"
        )
    found = {}
    for name in generators:
        logits = fit(made_by != name)
        measured = (val.labels == 0) | (of_val == name)
        found[str(name)] = float(roc_auc_score(val.labels[measured], logits[measured]))
    return found


def best_of(table: list[dict[str, Any]]) -> int:
    """The row with the highest `mean`, the first one of equals."""
    return int(np.argmax([row["mean"] for row in table]))
