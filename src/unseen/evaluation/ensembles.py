"""Ensembles: rules over the predictions of detectors.

The logit of an ensemble is the weighted mean of the calibrated logits of its members:

    logit = sum(weight * member's logit / member's temperature) / sum(weight)

With several training seeds this is done for each of them: the ensemble of a seed combines the networks of that seed.
Temperature, threshold and unsure band come from the members' predictions on validation faces, by the function that
calibrates a detector, and each training seed has its own. The functions take and return data frames of predictions
(`unseen.data.predictions`) and load no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.data.predictions import SCHEMA
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.evaluation.scored import listed_seeds

RULE = "weighted mean of the members' calibrated logits (logit / temperature)"
FACE = ["id", "sha256", "seed"]
"""Columns that identify a face as a network of one training seed scored it."""


@dataclass(frozen=True)
class Member:
    """A detector in an ensemble.

    Attributes:
        weight: positive; only the ratios between members matter.
        card: its `detector.json`.
        validation: its predictions on its validation faces, of every training seed.
    """

    weight: float
    card: Mapping[str, Any]
    validation: pd.DataFrame

    @property
    def temperatures(self) -> dict[int, float]:
        """Temperature of the network of each training seed; its calibrated logit is logit / temperature."""
        found = self.card.get("trainings") or {
            self.card.get("training_seed", self.card["seed"]): self.card["calibration"]
        }
        return {int(seed): float(one["temperature"]) for seed, one in found.items()}


@dataclass(frozen=True)
class Ensemble:
    """A calibrated ensemble.

    Attributes:
        name: its key below `ensembles`.
        members: sorted by name.
        trainings: for each training seed, ascending, temperature, threshold and unsure band, from the validation
            faces that all members share.
    """

    name: str
    members: dict[str, Member]
    trainings: dict[int, Calibration]

    def predict(self, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Compute the ensemble's predictions on an evaluation set.

        Args:
            predictions: of each member on that set, from `read_predictions`.

        Returns:
            One row a face and training seed, with the columns of `unseen.data.predictions.SCHEMA`. `logit` is before
            the ensemble's own temperature, `score` after it.

        Raises:
            UserError: two members have predictions on different faces, of different training seeds, or in a
                different order; or a training seed is not calibrated.
        """
        first, *others = self.members
        faces = predictions[first]
        for name in others:
            if not predictions[name][FACE].equals(faces[FACE]):
                raise UserError(
                    f"ensemble `{self.name}`: `{first}` and `{name}` have predictions on different faces of "
                    f"`{faces['set'].iloc[0]}`; run `dvc repro`"
                )
        logits = mean_logits(self.members, predictions)
        scores = np.empty(len(faces))
        for seed in faces["seed"].unique():
            if seed not in self.trainings:
                raise UserError(f"ensemble `{self.name}`: training seed {seed} has no calibration; run `dvc repro`")
            rows = (faces["seed"] == seed).to_numpy()
            scores[rows] = self.trainings[seed].score(logits[rows])
        found: pd.DataFrame = faces.assign(logit=logits, score=scores)[SCHEMA.names]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the content of `ensemble.json`; `calibration` is that of the first training seed."""
        seed, calibration = next(iter(self.trainings.items()))
        return {
            "name": self.name,
            "kind": "ensemble",
            "rule": RULE,
            "members": {
                name: {
                    "weight": one.weight,
                    "temperatures": {str(seed): one.temperatures[seed] for seed in self.trainings},
                    "kind": one.card["kind"],
                    "validation_faces": one.validation["id"].nunique(),
                }
                for name, one in self.members.items()
            },
            "parameters": sum(one.card["parameters"] for one in self.members.values()),
            "seed": seed,
            "calibration": calibration.as_dict(),
            "trainings": {str(number): one.as_dict() for number, one in self.trainings.items()},
            "n": {label: int(calibration.validation[label]) for label in ("reals", "fakes")},
            "trained_on": trained_on([one.card["trained_on"] for one in self.members.values()]),
        }


def mean_logits(members: Mapping[str, Member], predictions: Mapping[str, pd.DataFrame]) -> npt.NDArray[np.float64]:
    """Return the logits of an ensemble, [n], before its own temperature.

    Args:
        members: by name.
        predictions: of each member, n rows, the same face and training seed in the same row.
    """
    calibrated = [
        predictions[name]["logit"].to_numpy(np.float64) / predictions[name]["seed"].map(one.temperatures).to_numpy()
        for name, one in members.items()
    ]
    return np.asarray(np.average(calibrated, axis=0, weights=[one.weight for one in members.values()]))


def common_faces(predictions: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return each detector's predictions on the faces that all share, joined and sorted by FACE."""
    shared = set.intersection(*(set(zip(*(one[key] for key in FACE), strict=True)) for one in predictions.values()))
    index = pd.MultiIndex.from_tuples(sorted(shared), names=FACE)
    return {name: one.set_index(FACE).reindex(index).reset_index() for name, one in predictions.items()}


def trained_on(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge what members were trained on, split by split: all their sets and generators.

    Counts of faces by set and of people are the maximum over members, a lower bound: members may share people.
    """
    found: dict[str, Any] = {}
    for split in parts[0]:
        faces: dict[str, int] = {}
        for part in parts:
            for name, count in part[split]["faces"].items():
                faces[name] = max(count, faces.get(name, 0))
        found[split] = {
            "faces": dict(sorted(faces.items())),
            **{key: max(part[split].get(key, 0) for part in parts) for key in ("people", "without_identity")},
            "generators": sorted({name for part in parts for name in part[split]["generators"]}),
        }
    return found


def make_ensemble(name: str, members: Mapping[str, Member], settings: CalibrationSettings) -> Ensemble:
    """Calibrate an ensemble on the validation faces that all its members were calibrated on.

    Args:
        name: its key below `ensembles`.
        members: two or more, by name, in any order.
        settings: the operating point.

    Raises:
        UserError: members have different training seeds, or the validation faces that all share lack a class.
    """
    ordered = dict(sorted(members.items()))
    seeds = {member: sorted(one.temperatures) for member, one in ordered.items()}
    first, *others = ordered
    for member in others:
        if seeds[member] != seeds[first]:
            raise UserError(
                f"ensemble `{name}`: `{first}` was trained from seeds {listed_seeds(seeds[first])} and "
                f"`{member}` from {listed_seeds(seeds[member])}; run `dvc repro`"
            )
    shared = common_faces({member: one.validation for member, one in ordered.items()})
    faces = next(iter(shared.values()))
    labels = faces["label"].to_numpy(np.int64)
    reals, fakes = (faces["id"][labels == label].nunique() for label in (0, 1))
    if not reals or not fakes:
        raise UserError(
            f"ensemble `{name}`: {', '.join(ordered)} share {reals} real and {fakes} fake validation faces, and both "
            "are needed to calibrate it; give its members the same `train_on`"
        )
    logits = mean_logits(ordered, shared)
    of_seeds = {seed: (faces["seed"] == seed).to_numpy() for seed in seeds[first]}
    return Ensemble(
        name, ordered, {seed: calibrate(logits[rows], labels[rows], settings) for seed, rows in of_seeds.items()}
    )
