"""The constants of a detector's calibration, which its artifact stores. `unseen.detectors.shared` fits them."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMALLEST, LARGEST = 0.001, 1000.0
"""Range of valid temperatures in an artifact; fitted ones are in [0.01, 100]."""

ABOVE_ALL = float(np.nextafter(1.0, 2.0))
"""The highest valid threshold: the next float after 1, which no score reaches."""


@dataclass(frozen=True)
class Calibration:
    """Calibration constants. A face is classified as fake if its score is at least `threshold`.

    Attributes:
        temperature: divides the logit; score = 1 / (1 + exp(-logit / temperature)).
        threshold: threshold on the score.
        unsure: lowest and highest score of the band in which the classes overlap on validation faces.
        max_fpr: largest allowed FPR on validation reals.
        validation: counts, FPR, TPR and log loss on the validation faces.
        at_fpr: thresholds on the score at a validation FPR of at most 0.5, 1 and 5 %, by the names of
            `thresholds.FPRS`; empty in older artifacts.
        unsure_tail: tails of the scores that determined the unsure band; None in older artifacts.
    """

    temperature: float
    threshold: float
    unsure: tuple[float, float]
    max_fpr: float
    validation: dict[str, float]
    at_fpr: dict[str, float] = field(default_factory=dict)
    unsure_tail: float | None = None

    def score(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated probabilities of being fake, [n] in [0, 1]."""
        from scipy.special import expit  # a detector that is exported to ONNX runs without SciPy

        return np.asarray(expit(np.asarray(logits, np.float64) / self.temperature))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the artifact's card."""
        return {**asdict(self), "unsure": list(self.unsure)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The reverse of `as_dict`.

        Raises:
            ValueError: a value is missing, not a number, or out of range.
        """
        required = ("temperature", "threshold", "unsure", "max_fpr", "validation")
        if missing := [name for name in required if name not in data]:
            raise ValueError(f"`calibration.{missing[0]}` is missing")
        unsure = data["unsure"]
        if not isinstance(unsure, list) or len(unsure) != 2:
            raise ValueError(f"`calibration.unsure` is {json.dumps(unsure)}, not two numbers")
        low, high = (checked_number("calibration.unsure", edge, 0, ABOVE_ALL) for edge in unsure)
        if low > high:
            raise ValueError(f"`calibration.unsure` is {unsure}; the first number must not be the larger one")
        at_fpr, tail = dict(data.get("at_fpr", {})), data.get("unsure_tail")
        return cls(
            temperature=checked_number("calibration.temperature", data["temperature"], SMALLEST, LARGEST),
            threshold=checked_number("calibration.threshold", data["threshold"], 0, ABOVE_ALL),
            unsure=(low, high),
            max_fpr=checked_number("calibration.max_fpr", data["max_fpr"], 0, 1),
            validation=dict(data["validation"]),
            at_fpr={
                name: checked_number(f"calibration.at_fpr.{name}", at_fpr[name], 0, ABOVE_ALL) for name in at_fpr
            },
            unsure_tail=None if tail is None else checked_number("calibration.unsure_tail", tail, 0, 0.5),
        )


def checked_number(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float.

    Raises:
        ValueError: it is not a number in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"`{name}` is {json.dumps(value)}, not a number from {low:g} to {high:g}")
    return float(value)
