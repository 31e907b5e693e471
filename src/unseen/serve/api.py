"""The Python API: load a detector, predict, read typed results.

import unseen

detector = unseen.load("models/detectors/efficientnet_lite0")
for face in detector.predict("a.jpg"):
    print(face.score, face.verdict)
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, overload

from unseen.core.errors import UserError
from unseen.core.garbage_collection import no_garbage_collection
from unseen.serve.detector_folders import detector_folder
from unseen.serve.detector_scope import Scope, scope_of
from unseen.serve.inputs import Picture, is_single
from unseen.serve.network import LoadedDetector
from unseen.serve.operating_point import with_fpr
from unseen.serve.predict import predict, predict_one
from unseen.serve.prediction import Face, NotScored, Prediction, to_frame

__all__ = ["Detector", "Face", "NotScored", "Picture", "Prediction", "UserError", "load", "to_frame"]

Backend = Literal["torch", "onnx"]


class Detector:
    """A trained detector. Several threads may use one object.

    Attributes:
        loaded: the network, face detector, settings and calibration, for other code of this project.
    """

    def __init__(self, loaded: LoadedDetector) -> None:
        self.loaded = loaded

    def __repr__(self) -> str:
        return f"<unseen.Detector {self.name}>"

    @property
    def name(self) -> str:
        """Name of the detector."""
        return self.loaded.name

    @property
    def card(self) -> dict[str, Any]:
        """The content of `detector.json`: kind, settings, training data, calibration, versions."""
        return self.loaded.card

    @property
    def scope(self) -> Scope:
        """Training data, threshold, and TPR and FPR in evaluation; `scope.scope` is a sentence.

        Raises:
            UserError: a JSON file of the artifact is damaged or can't be read.
        """
        return scope_of(self.loaded)

    @property
    def threshold(self) -> float:
        """The threshold on the score, frozen on validation faces."""
        return self.loaded.calibration.threshold

    @property
    def unsure(self) -> tuple[float, float]:
        """Lowest and highest score of the band in which real and fake validation faces are not clearly separated."""
        return self.loaded.calibration.unsure

    def at_fpr(self, fpr: float) -> "Detector":
        """Return the same detector with the threshold that training froze for another FPR, such as 0.01.

        Raises:
            UserError: no threshold was frozen for this FPR; the message lists the available ones.
        """
        return Detector(with_fpr(self.loaded, fpr))

    @overload
    def predict(self, picture: Picture) -> Prediction: ...  # type: ignore[overload-overlap]  # a str is an iterable

    @overload
    def predict(self, picture: list[Any] | tuple[Any, ...]) -> list[Prediction]: ...

    @overload
    def predict(self, picture: Iterable[Picture]) -> Iterator[Prediction]: ...

    def predict(self, picture: Picture | Iterable[Picture]) -> Prediction | list[Prediction] | Iterator[Prediction]:
        """Score every face in one picture or in several.

        Args:
            picture: a path, the bytes of a file, a PIL image, or a NumPy array uint8 [height, width, 3] in RGB or
                uint8 [height, width] in grey; or a list, tuple or other iterable of these. Items of an iterable are
                prefetched and may be read in another thread.

        Returns:
            A prediction for one picture, a list for a list or tuple, and an iterator in constant memory for any other
            iterable. A picture that can't be read or has no face raises no exception: see `Prediction.not_scored`.

        Raises:
            UserError: a value is not a picture, or an array has an unsupported type or shape.
        """
        if is_single(picture):
            return predict_one(picture, self.loaded)  # type: ignore[arg-type]
        found = predict(picture, self.loaded)  # type: ignore[arg-type]
        return list(found) if isinstance(picture, list | tuple) else found


def load(
    detector: str | Path, backend: Backend = "torch", device: str | None = None, *, gate: bool = True
) -> Detector:
    """Load a trained detector.

    Args:
        detector: its folder, or its name below models/detectors.
        backend: `torch`, or `onnx` for an exported detector, which does not need PyTorch. An exported detector is a
            folder that `unseen export` wrote, or a detector's folder with an export in its subfolder `onnx`.
        device: device of the network, such as `cpu` or `cuda:1`. If None, `UNSEEN_DEVICE` decides; if this is not set
            either, a GPU is used if there is one, and the CPU otherwise. `onnx` runs on the CPU only.
        gate: whether the verdict is `unsure` for a face that is smaller, more degraded, or turned further than the
            validation faces of the detector. Scores do not depend on it.

    Raises:
        UserError: a file is missing or damaged, or the backend or device does not exist.
    """
    folder = detector_folder(Path(detector))
    if backend not in get_args(Backend):
        raise UserError(f"backend `{backend}`: give torch or onnx")
    if backend == "onnx":
        if device not in (None, "cpu"):
            raise UserError(f"device `{device}`: the backend onnx runs on the CPU; give cpu or none")
        from unseen.serve.onnx.folder import open_exported

        return Detector(_gated(open_exported(folder), gate))
    if (folder / "detector.onnx").is_file():
        raise UserError(f"{folder}: is an exported detector; use the backend onnx (`--backend onnx`)")
    with no_garbage_collection():
        from unseen.serve.torch_network import device_named, open_detector, with_network

        return Detector(_gated(with_network(*open_detector(folder), device_named(device)), gate))


def _gated(loaded: LoadedDetector, gate: bool) -> LoadedDetector:
    """Add the limits in the detector's folder, if they exist and `gate` is True."""
    from unseen.gate.limits import read_limits

    return replace(loaded, gate=read_limits(loaded.folder)) if gate else loaded
