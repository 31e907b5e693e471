"""Temperature, threshold and unsure band, from validation logits of the training domain only."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from unseen.core.errors import UserError
from unseen.core.thresholds import FPRS, threshold_at
from unseen.detectors.shared.settings import CalibrationSettings

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
    """

    temperature: float
    threshold: float
    unsure: tuple[float, float]
    max_fpr: float
    validation: dict[str, float]
    at_fpr: dict[str, float] = field(default_factory=dict)

    def score(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated probabilities of being fake, [n] in [0, 1]."""
        return np.asarray(expit(np.asarray(logits, np.float64) / self.temperature))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the artifact's card."""
        return {**asdict(self), "unsure": list(self.unsure)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Calibration":
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
        at_fpr = dict(data.get("at_fpr", {}))
        return cls(
            temperature=checked_number("calibration.temperature", data["temperature"], SMALLEST, LARGEST),
            threshold=checked_number("calibration.threshold", data["threshold"], 0, ABOVE_ALL),
            unsure=(low, high),
            max_fpr=checked_number("calibration.max_fpr", data["max_fpr"], 0, 1),
            validation=dict(data["validation"]),
            at_fpr={
                name: checked_number(f"calibration.at_fpr.{name}", at_fpr[name], 0, ABOVE_ALL) for name in at_fpr
            },
        )


def checked_number(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float.

    Raises:
        ValueError: it is not a number in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"`{name}` is {json.dumps(value)}, not a number from {low:g} to {high:g}")
    return float(value)


def log_loss(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Mean log loss of logits [n] for labels [n], 1 for fake."""
    return float(np.mean(np.logaddexp(0.0, np.where(labels == 1, -logits, logits))))


def _temperature(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The T that minimises the log loss of logits / T (Guo et al. 2017, arXiv 1706.04599), within [0.01, 100].

    Targets are Platt's (1999), (n + 1) / (n + 2) and 1 / (n + 2), instead of 1 and 0: otherwise T would go to 0 for
    separable classes.
    """
    from scipy.optimize import minimize_scalar  # takes 0.3 s, and only fitting needs it

    fakes, reals = int(np.sum(labels == 1)), int(np.sum(labels == 0))
    target = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))

    def loss(log_t: float) -> float:
        z = logits / np.exp(log_t)
        return float(np.mean(np.logaddexp(0.0, z) - target * z))

    found = minimize_scalar(loss, bounds=(np.log(0.01), np.log(100.0)), method="bounded")
    return float(np.exp(found.x))


def _threshold(reals: Floats, fakes: Floats, max_fpr: float, temperature: float) -> float:
    """The threshold on the score with the highest TPR at an FPR of at most `max_fpr`, from logits.

    If several thresholds qualify, it is the middle between the logits of the lowest detected fake and the next lower
    real. Detection is decided on scores, because different logits may round to the same score.
    """
    real_scores, fake_scores = expit(reals / temperature), expit(fakes / temperature)
    lowest = threshold_at(real_scores, max_fpr)
    detected = fake_scores >= lowest
    if not detected.any():
        return lowest
    lowest_detected = fake_scores[detected].min()
    below = real_scores < lowest_detected
    middle = expit((reals[below].max() + fakes[detected].min()) / 2 / temperature)
    return float(middle if real_scores[below].max() < middle <= lowest_detected else lowest_detected)


def calibrate(logits: npt.ArrayLike, labels: npt.NDArray[np.int64], settings: CalibrationSettings) -> Calibration:
    """Fit temperature, threshold and unsure band.

    Args:
        logits: [n] of validation faces, positive for fake.
        labels: [n], 0 real and 1 fake.
        settings: largest FPR, and tails of the unsure band.

    Raises:
        UserError: a class has no validation faces, or a logit is not finite.
    """
    values = np.asarray(logits, np.float64)
    reals, fakes = values[labels == 0], values[labels == 1]
    if not len(reals) or not len(fakes):
        raise UserError(
            f"validation has {len(reals)} real and {len(fakes)} fake faces: a threshold needs both; "
            "raise `split.val` or add people"
        )
    if not np.isfinite(values).all():
        raise UserError("the detector gives logits that are not finite; lower its `learning_rate`")
    temperature = _temperature(values, labels)
    scores = expit(values / temperature)
    real_scores, fake_scores = scores[labels == 0], scores[labels == 1]
    threshold = _threshold(reals, fakes, settings.max_fpr, temperature)
    edges = [
        threshold,
        float(np.quantile(fake_scores, settings.unsure_tail)),
        float(np.quantile(real_scores, 1 - settings.unsure_tail)),
    ]
    validation = {
        "reals": len(reals),
        "fakes": len(fakes),
        "fpr": float(np.mean(real_scores >= threshold)),
        "tpr": float(np.mean(fake_scores >= threshold)),
        "log_loss": log_loss(values / temperature, labels),
        "log_loss_uncalibrated": log_loss(values, labels),
    }
    at_fpr = {name: threshold_at(real_scores, fpr) for name, fpr in FPRS.items()}
    return Calibration(temperature, threshold, (min(edges), max(edges)), settings.max_fpr, validation, at_fpr)
