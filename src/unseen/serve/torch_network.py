"""The PyTorch backend: load a detector from its folder, and run its network on the CPU or a GPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.recovery import advice
from unseen.core.runtime import device
from unseen.detectors.shared.artifact import TrainedDetector, load_detector
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import logits_of
from unseen.faces.detect import FaceDetector
from unseen.serve.network import LoadedDetector, Pixels


def open_detector(folder: Path) -> tuple[TrainedDetector, FaceDetector]:
    """Load a detector and its face detector from the artifact's folder.

    Raises:
        UserError: a file is missing or damaged.
    """
    try:
        detector = load_detector(folder)
        int(detector.card["seed"])
        return detector, FaceDetector(detector.face_detector, detector.faces.detect)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not found; {advice(folder)}") from None
    except OSError as error:
        raise UserError(f"{error.filename or folder}: can't be read: {error.strerror or error}") from None
    except Exception as error:  # PyTorch and ONNX Runtime raise many types for damaged files
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{folder}: damaged ({what}); {advice(folder)}") from error


class TorchNetwork:
    """A PyTorch network with the interface `Network`."""

    def __init__(self, model: Detector, where: torch.device | None = None) -> None:
        """`where` is the device; None for the default of `unseen.core.runtime.device`."""
        self.where = where or device()
        self.model = model.to(self.where)
        # Training uses two threads. Here, other threads decode the next pictures, and two network threads that wait
        # for each other are slow on a busy machine.
        self._threads = environment.threads(1)
        self.threads = self._threads if self.where.type == "cpu" else 0

    def logits(self, pixels: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """See `Network`. The caller's number of threads is restored."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            return logits_of(self.model, pixels, self.where)
        finally:
            torch.set_num_threads(before)


def with_network(
    detector: TrainedDetector, face_detector: FaceDetector, where: torch.device | None = None
) -> LoadedDetector:
    """Combine the results of `open_detector` to a `LoadedDetector` with its network on a device."""
    return LoadedDetector(
        name=detector.name,
        folder=detector.folder,
        card=detector.card,
        calibration=detector.calibration,
        faces=detector.faces,
        face_detector=face_detector,
        network=TorchNetwork(detector.model, where),
    )


def device_named(name: str | None) -> torch.device:
    """Return the device with a name such as `cpu` or `cuda:1`; None for the default of `unseen.core.runtime.device`.

    Raises:
        UserError: there is no such device.
    """
    if name is None:
        return device()
    try:
        found = torch.device(name)
        if found.type != "cpu" and (found.index or 0) >= torch.get_device_module(found).device_count():
            raise RuntimeError("not on this machine")
    except (RuntimeError, AttributeError) as error:
        what = str(error).splitlines()[0][:100]
        raise UserError(
            f"device `{name}`: {what}; give cpu, or a device such as cuda:0 that this machine has"
        ) from None
    return found
