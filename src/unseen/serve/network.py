"""The interface of a network, which every backend implements. Imports no backend."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from unseen.faces.settings import FaceSettings

if TYPE_CHECKING:
    from unseen.core.calibration import Calibration
    from unseen.faces.detect import FaceDetector
    from unseen.gate.limits import Limits

Pixels = npt.NDArray[np.uint8]


class Network(Protocol):
    """The network of a detector.

    Attributes:
        threads: CPU threads that `logits` uses; 0 on a GPU.
    """

    threads: int

    def logits(self, pixels: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Compute the logits [n], before the temperature, of preprocessed faces uint8 [side, side, 3].
        Thread-safe."""


@dataclass(frozen=True)
class LoadedDetector:
    """A loaded detector of any backend.

    Attributes:
        name: name of the detector.
        folder: folder of its files.
        card: the content of `detector.json`.
        calibration: temperature, threshold and unsure band, frozen in training.
        faces: the settings of the preprocessing.
        face_detector: the face detector of the preprocessing.
        network: computes the logits.
        gate: limits outside of which a face is `unsure`; None for no gate.
    """

    name: str
    folder: Path
    card: dict[str, Any]
    calibration: "Calibration"
    faces: FaceSettings
    face_detector: "FaceDetector"
    network: Network
    gate: "Limits | None" = None

    @property
    def seed(self) -> int:
        """Seed of the JPEG quality in the preprocessing."""
        return int(self.card["seed"])
