"""In-domain fakes: those of the training of the generator that a detector has learned from.

A generator and a detector are trained once for each training seed. The detector of seed K trains on the fakes of the
generator's training K alone (`unseen.detectors.shared.train`), so its in-domain fakes are of this training. Fakes of
the other trainings come from networks that it has not seen.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.core.errors import UserError
from unseen.core.training_seeds import ATTRIBUTE
from unseen.evaluation.ranking import Ranking
from unseen.evaluation.scored import Scored, listed_seeds


def _made_from(scored: Scored, generators: Collection[str]) -> npt.NDArray[np.str_]:
    """[n], the training seed of the generator of each fake of `generators`; empty for all other faces."""
    if "attributes" not in scored.faces:
        return np.zeros(len(scored), np.str_)
    stated = np.array([dict(pairs).get(ATTRIBUTE, "") for pairs in scored.faces["attributes"]], np.str_)
    return np.where(scored.faces["generator"].isin(list(generators)), stated, "")


def in_domain(scored: Scored, generators: Collection[str]) -> Scored:
    """Keep, for each training seed of a detector, the fakes of the same training of each generator in training.

    The i-th fake of one training takes the place of the i-th of another, so each place has one fake for each training
    seed. Its columns are those of the first seed's. Trainings with more fakes than another lose the last ones.

    Args:
        scored: predictions on all faces.
        generators: in the training of the detector.

    Returns:
        All other faces, unchanged, and after them these fakes.

    Raises:
        UserError: a training of a generator has no fakes.
    """
    made_from = _made_from(scored, generators)
    if not made_from.any():
        return scored
    parts = [scored.take(made_from == "")]
    names = scored.faces["generator"].to_numpy()
    for generator in sorted(set(names[made_from != ""])):
        rows = [np.flatnonzero((names == generator) & (made_from == str(seed))) for seed in scored.seeds]
        count = min(map(len, rows))
        if not count:
            raise UserError(
                f"the detector was trained from seeds {listed_seeds(scored.seeds)}, but not all trainings of "
                f"{generator} have fakes to measure; run `dvc repro`"
            )
        places = np.stack([of_seed[:count] for of_seed in rows])
        own = np.arange(len(scored.seeds))[:, None]
        parts.append(
            Scored(
                scored.faces.take(places[0]).reset_index(drop=True),
                scored.seeds,
                scored.scores[own, places],
                None if scored.logits is None else scored.logits[own, places],
            )
        )
    return Scored.joined(part for part in parts if len(part))


def other_trainings(both: Scored, generators: Collection[str], thresholds: npt.ArrayLike) -> dict[str, Any]:
    """Metrics on the fakes that the generators in training draw when they are trained from another seed.

    Args:
        both: predictions on all reals and fakes of a pair.
        generators: in the training of the detector.
        thresholds: frozen threshold on the score of each training seed of the detector.

    Returns:
        `auc` and `tpr`, each with `value`, the mean over training seeds, and `seeds`, the value of each; `n`, the
        fakes of each seed. Empty if there are no such fakes.
    """
    made_from = _made_from(both, generators)
    found: dict[str, dict[str, float]] = {"auc": {}, "tpr": {}, "n": {}}
    for number, (seed, limit) in enumerate(zip(both.seeds, np.asarray(thresholds, np.float64), strict=True)):
        fakes = (made_from != "") & (made_from != str(seed))
        if not fakes.any():
            return {}
        rows = fakes | (both.labels == 0)
        found["auc"][str(seed)] = Ranking(both.labels[rows], both.values[number, rows]).all_once().auc
        found["tpr"][str(seed)] = float((both.scores[number, fakes] >= limit).mean())
        found["n"][str(seed)] = int(fakes.sum())
    means = {name: float(np.mean(list(found[name].values()))) for name in ("auc", "tpr")}
    return {**{name: {"value": mean, "seeds": found[name]} for name, mean in means.items()}, "n": found["n"]}
