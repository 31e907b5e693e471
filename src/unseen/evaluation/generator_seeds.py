"""AUC and TPR on the fakes of each training of a generator.

A generator is trained from several seeds, and its fakes are drawn from all of these networks. How much a metric
differs between them says how much of it depends on the training of the generator.
"""

import numpy as np
import numpy.typing as npt

from unseen.core.training_seeds import ATTRIBUTE
from unseen.evaluation.ranking import Ranking
from unseen.evaluation.scored import Scored


def by_generator_seed(both: Scored, thresholds: npt.ArrayLike) -> dict[str, dict[str, float]]:
    """Compute the metrics of one detector on the fakes of each training of a generator, against all reals.

    Args:
        both: predictions on reals and fakes, with `attributes` in each row.
        thresholds: frozen threshold on the score of each training seed of the detector.

    Returns:
        `auc` and `tpr`, means over the training seeds of the detector, by training seed of the generator. Empty if
        the fakes are not of several trainings: pictures of a source state none, and in-domain fakes are of one for
        each training seed of the detector.
    """
    if "attributes" not in both.faces:
        return {}
    stated = np.array([dict(pairs).get(ATTRIBUTE, "") for pairs in both.faces["attributes"]])
    made_by = np.where(both.labels == 1, stated, "")
    limits = np.asarray(thresholds, np.float64)
    found: dict[str, dict[str, float]] = {}
    trainings = sorted(set(made_by.tolist()) - {""}, key=lambda text: (len(text), text))
    for seed in trainings if len(trainings) > 1 else ():
        fakes = made_by == seed
        rows = fakes | (both.labels == 0)
        aucs = [Ranking(both.labels[rows], values[rows]).all_once().auc for values in both.values]
        found[seed] = {
            "auc": float(np.mean(aucs)),
            "tpr": float((both.scores[:, fakes] >= limits[:, None]).mean()),
        }
    return found
