"""The frozen calibration of an exported detector, with the interface of `unseen.detectors.shared.calibration`.

That module imports SciPy and the settings of all detectors, which takes longer than scoring a picture.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.serve.onnx.views import sigmoid


@dataclass(frozen=True)
class FrozenCalibration:
    """The constants of a calibration. Attributes and scores are those of `Calibration`."""

    temperature: float
    threshold: float
    unsure: tuple[float, float]
    max_fpr: float
    validation: dict[str, float]
    at_fpr: dict[str, float] = field(default_factory=dict)

    def score(self, logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of being fake, [n] in [0, 1]."""
        values = np.asarray(logits, np.float64) / self.temperature
        return np.asarray([sigmoid(value) for value in values.tolist()], np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "unsure": list(self.unsure)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "FrozenCalibration":
        """The inverse of `as_dict`.

        Raises:
            ValueError: a value is missing, not a number, or out of range.
        """
        low, high = (float(edge) for edge in data["unsure"])
        found = cls(
            temperature=float(data["temperature"]),
            threshold=float(data["threshold"]),
            unsure=(low, high),
            max_fpr=float(data["max_fpr"]),
            validation=dict(data["validation"]),
            at_fpr={name: float(value) for name, value in data.get("at_fpr", {}).items()},
        )
        if not (found.temperature > 0 and 0 <= low <= high and found.threshold >= 0):
            raise ValueError("`calibration` has a value that is out of range")
        return found
