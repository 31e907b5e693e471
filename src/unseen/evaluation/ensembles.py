"""Ensembles: rules over the predictions of detectors.

The logit of an ensemble is the weighted mean of the calibrated logits of its members:

    logit = sum(weight * member's logit / member's temperature) / sum(weight)

Temperature, threshold and unsure band come from the members' predictions on validation faces, by the function that
calibrates a detector. The functions take and return data frames of predictions (`unseen.data.predictions`)
and load no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.core.errors import UserError
from unseen.data.predictions import SCHEMA
from unseen.detectors.shared.calibration import Calibration, calibrate
from unseen.detectors.shared.settings import CalibrationSettings

RULE = "weighted mean of the members' calibrated logits (logit / temperature)"
FACE = ["id", "sha256"]
"""Columns that identify a face."""


@dataclass(frozen=True)
class Member:
    """A detector in an ensemble.

    Attributes:
        weight: positive; only the ratios between members matter.
        card: its `detector.json`.
        validation: its predictions on its validation faces.
    """

    weight: float
    card: Mapping[str, Any]
    validation: pd.DataFrame

    @property
    def temperature(self) -> float:
        """Temperature of the detector; its calibrated logit is logit / temperature."""
        return float(self.card["calibration"]["temperature"])


@dataclass(frozen=True)
class Ensemble:
    """A calibrated ensemble.

    Attributes:
        name: its key below `ensembles`.
        members: sorted by name.
        calibration: temperature, threshold and unsure band, from the validation faces that all members share.
    """

    name: str
    members: dict[str, Member]
    calibration: Calibration

    def predict(self, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Compute the ensemble's predictions on an evaluation set.

        Args:
            predictions: of each member on that set, from `read_predictions`.

        Returns:
            One row a face, with the columns of `unseen.data.predictions.SCHEMA`. `logit` is before the ensemble's own
            temperature, `score` after it.

        Raises:
            UserError: two members have predictions on different faces, or in a different order.
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
        found: pd.DataFrame = faces.assign(logit=logits, score=self.calibration.score(logits))[SCHEMA.names]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the content of `ensemble.json`."""
        return {
            "name": self.name,
            "kind": "ensemble",
            "rule": RULE,
            "members": {
                name: {
                    "weight": one.weight,
                    "temperature": one.temperature,
                    "kind": one.card["kind"],
                    "validation_faces": len(one.validation),
                }
                for name, one in self.members.items()
            },
            "parameters": sum(one.card["parameters"] for one in self.members.values()),
            "calibration": self.calibration.as_dict(),
            "n": {label: int(self.calibration.validation[label]) for label in ("reals", "fakes")},
            "trained_on": trained_on([one.card["trained_on"] for one in self.members.values()]),
        }


def mean_logits(members: Mapping[str, Member], predictions: Mapping[str, pd.DataFrame]) -> npt.NDArray[np.float64]:
    """Return the logits of an ensemble, [n], before its own temperature.

    Args:
        members: by name.
        predictions: of each member, n rows, the same face in the same row.
    """
    calibrated = [predictions[name]["logit"].to_numpy(np.float64) / one.temperature for name, one in members.items()]
    return np.asarray(np.average(calibrated, axis=0, weights=[one.weight for one in members.values()]))


def common_faces(predictions: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return each detector's predictions on the faces that all share, joined and sorted by `id` and `sha256`."""
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
        UserError: the validation faces that all members share lack a class.
    """
    ordered = dict(sorted(members.items()))
    shared = common_faces({member: one.validation for member, one in ordered.items()})
    labels = next(iter(shared.values()))["label"].to_numpy(np.int64)
    reals, fakes = int(np.sum(labels == 0)), int(np.sum(labels == 1))
    if not reals or not fakes:
        raise UserError(
            f"ensemble `{name}`: {', '.join(ordered)} share {reals} real and {fakes} fake validation faces, and both "
            "are needed to calibrate it; give its members the same `train_on`"
        )
    return Ensemble(name, ordered, calibrate(mean_logits(ordered, shared), labels, settings))
