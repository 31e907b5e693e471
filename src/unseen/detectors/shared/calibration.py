"""Temperature, threshold and unsure band, from validation logits of the training domain only."""

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from unseen.core.calibration import Calibration, Floats
from unseen.core.errors import UserError
from unseen.core.thresholds import FPRS, threshold_at
from unseen.detectors.shared.settings import CalibrationSettings


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
    return Calibration(
        temperature,
        threshold,
        (min(edges), max(edges)),
        settings.max_fpr,
        validation,
        at_fpr,
        settings.unsure_tail,
    )
