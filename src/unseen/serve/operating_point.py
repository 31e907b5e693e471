"""Select one of the thresholds that training froze on validation faces."""

from dataclasses import replace

from unseen.core.errors import UserError
from unseen.core.thresholds import FPRS
from unseen.serve.network import LoadedDetector


def frozen_fprs(detector: LoadedDetector) -> dict[float, float]:
    """Return the frozen thresholds by their maximum FPR on validation reals, lowest first.

    They include the detector's own threshold, which is the default.
    """
    calibration = detector.calibration
    found = {FPRS[name]: threshold for name, threshold in calibration.at_fpr.items() if name in FPRS}
    return dict(sorted({**found, calibration.max_fpr: calibration.threshold}.items()))


def with_fpr(detector: LoadedDetector, fpr: float) -> LoadedDetector:
    """Return the detector with the frozen threshold for an FPR. No threshold is computed.

    The unsure band is extended to the threshold, as in the calibration.

    Raises:
        UserError: no threshold was frozen for this FPR.
    """
    known = frozen_fprs(detector)
    if fpr not in known:
        allowed = ", ".join(f"{one:g}" for one in known)
        raise UserError(
            f"{detector.folder}: has no threshold for an FPR of {fpr:g}; training froze those for {allowed}"
        )
    threshold, (low, high) = known[fpr], detector.calibration.unsure
    calibration = replace(
        detector.calibration,
        threshold=threshold,
        unsure=(min(low, threshold), max(high, threshold)),
        max_fpr=fpr,
    )
    return replace(detector, calibration=calibration)


def too_few_reals(detector: LoadedDetector) -> str:
    """Return a warning if there are too few validation reals to verify the FPR of the threshold; empty otherwise."""
    calibration = detector.calibration
    reals = int(calibration.validation.get("reals", 0))
    if not reals or calibration.max_fpr * reals >= 1:
        return ""
    return (
        f"an FPR of {calibration.max_fpr:g} can't be verified with {reals} validation reals: the threshold is above "
        "all of them, and the FPR on other people may be higher"
    )
