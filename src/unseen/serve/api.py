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
        loaded: the detector's parts, for other code of this project.
    """

    def __init__(self, loaded: LoadedDetector) -> None:
        self.loaded = loaded

    def __repr__(self) -> str:
        return f"<unseen.Detector {self.name}>"

    @property
    def name(self) -> str:
        """Of the detector."""
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
        """On the score, frozen on validation faces."""
        return self.loaded.calibration.threshold

    @property
    def unsure(self) -> tuple[float, float]:
        """Lowest and highest score of the band in which validation faces do not tell fakes from reals."""
        return self.loaded.calibration.unsure

    def at_fpr(self, fpr: float) -> "Detector":
        """The same detector with another threshold that its training has frozen, for an FPR such as 0.01.

        Raises:
            UserError: no threshold was frozen for this FPR; the message names those that were.
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
                uint8 [height, width] in grey; or a list, tuple or other iterable of these. An iterable is read a
                little ahead, perhaps in another thread.

        Returns:
            A prediction for one picture, a list for a list or tuple, and an iterator in constant memory for any other
            iterable. A picture that can't be read or has no face is not an error: see `Prediction.not_scored`.

        Raises:
            UserError: a value is no picture, or an array has another type or shape.
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
        backend: `torch`; or `onnx` for an exported detector, which starts without PyTorch: the folder that `unseen
            export` wrote, or a detector's folder with an export in its folder `onnx`.
        device: of the network with `torch`, such as `cpu` or `cuda:1`; None for `UNSEEN_DEVICE`, else a GPU if there
            is one, else the CPU.
        gate: whether the verdict is `unsure` for a face that is outside of what the detector was measured on:
            smaller, more degraded, or turned further than validation faces. Scores do not depend on it.

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
        raise UserError(f"{folder}: an exported detector; use the backend onnx, `--backend onnx`")
    with no_garbage_collection():
        from unseen.serve.torch_network import device_named, open_detector, with_network

        return Detector(_gated(with_network(*open_detector(folder), device_named(device)), gate))


def _gated(loaded: LoadedDetector, gate: bool) -> LoadedDetector:
    """A detector with the limits of its folder, if there are any and they are wanted."""
    from unseen.gate.limits import read_limits

    return replace(loaded, gate=read_limits(loaded.folder)) if gate else loaded
