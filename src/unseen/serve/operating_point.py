"""Another threshold of a detector, out of those that its training has frozen on validation faces."""

from dataclasses import replace

from unseen.core.errors import UserError
from unseen.core.thresholds import FPRS
from unseen.serve.network import LoadedDetector


def frozen_fprs(detector: LoadedDetector) -> dict[float, float]:
    """The frozen thresholds by the highest FPR that they allow on validation reals, lowest first.

    That of the detector itself is among them; it is the one that is used without a choice.
    """
    calibration = detector.calibration
    found = {FPRS[name]: threshold for name, threshold in calibration.at_fpr.items() if name in FPRS}
    return dict(sorted({**found, calibration.max_fpr: calibration.threshold}.items()))


def with_fpr(detector: LoadedDetector, fpr: float) -> LoadedDetector:
    """The detector with the frozen threshold for an FPR. Nothing is computed from pictures.

    The unsure band is extended to the threshold, as the calibration does.

    Raises:
        UserError: no threshold was frozen for this FPR.
    """
    known = frozen_fprs(detector)
    if fpr not in known:
        allowed = ", ".join(f"{one:g}" for one in known)
        raise UserError(f"{detector.folder}: has no threshold for an FPR of {fpr:g}; frozen in training: {allowed}")
    threshold, (low, high) = known[fpr], detector.calibration.unsure
    calibration = replace(
        detector.calibration,
        threshold=threshold,
        unsure=(min(low, threshold), max(high, threshold)),
        max_fpr=fpr,
    )
    return replace(detector, calibration=calibration)


def too_few_reals(detector: LoadedDetector) -> str:
    """A warning if validation has too few reals to show the FPR of the threshold; else empty."""
    calibration = detector.calibration
    reals = int(calibration.validation.get("reals", 0))
    if not reals or calibration.max_fpr * reals >= 1:
        return ""
    return (
        f"an FPR of {calibration.max_fpr:g} can't be shown with {reals} validation reals: the threshold is above all "
        "of them, and the FPR on other people may be higher"
    )
