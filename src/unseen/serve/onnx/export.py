"""Export a detector: the graph, the face detector, a JSON file and an example. The graph is checked before it is
written."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from unseen.core.artifacts import WEIGHTS
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, check_replaceable, sha256_of
from unseen.core.json_files import write_json
from unseen.detectors.shared.artifact import TrainedDetector, load_detector
from unseen.detectors.shared.logits import logits_of
from unseen.gate.limits import FILE as GATE
from unseen.serve.detector_scope import scope_of
from unseen.serve.onnx.check_faces import CheckFaces, faces_for_check
from unseen.serve.onnx.folder import CARD, FACE_DETECTOR, FORMAT, GRAPH
from unseen.serve.onnx.graph import LOGIT, PIXELS, SCORE, graph_of, with_half_weights, with_score
from unseen.serve.onnx.int8 import CALIBRATED_ON, calibrated, check_has_both, quantised, spread
from unseen.serve.onnx.network import OnnxNetwork
from unseen.serve.onnx.parity import Floats, compare
from unseen.serve.onnx.views import Pixels, views_of

EVALUATION, MODEL_CARD = "evaluation.json", "card.md"
"""Results of the evaluation, which are copied into an export."""

EXAMPLE = ("example.py", "crops.py", "gate.py", "views.py")
"""Files of this package that are copied into an export. They need only NumPy, ONNX Runtime and Pillow."""


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        folder: folder of the files.
        graph_bytes: size of the graph.
        precision: `float32`, `float16` or `int8`.
        check: the results of the check, as in detector.json.
    """

    folder: Path
    graph_bytes: int
    precision: str
    check: dict[str, Any]


def _precision(half: bool, int8: bool) -> str:
    if half and int8:
        raise UserError("`--half` and `--int8` exclude each other; give one")
    return "float16" if half else "int8" if int8 else "float32"


def _side(detector: TrainedDetector) -> int:
    """Return the side of the graph's input in pixels."""
    view = detector.model.view
    return detector.faces.side if view.kind == "stored" else view.side


def export(
    detector_folder: Path, out: Path, *, half: bool = False, int8: bool = False, faces: Path | None = None
) -> Exported:
    """Export a detector to a folder, after a check against PyTorch on faces.

    Args:
        detector_folder: folder of the detector.
        out: folder of the export, written atomically; an earlier export in it is replaced.
        half: store weights in float16.
        int8: quantise, and fit a new threshold.
        faces: see `faces_for_check`.

    Raises:
        UserError: the detector can't be loaded or exported, there are no faces for the check, the check fails, or
        `out`
            exists and is not an export.
    """
    precision = _precision(half, int8)
    _check_out(out, detector_folder)
    detector = load_detector(detector_folder)
    found = faces_for_check(detector, faces)
    if int8:
        check_has_both(found)
    side, view, ela = _side(detector), detector.model.view.as_dict(), detector.model.config.get("ela")

    def expected(crops: list[Pixels]) -> Floats:
        return logits_of(detector.model, crops, torch.device("cpu"))

    try:
        graph = graph_of(detector.model, side)
    except UserError as error:
        raise UserError(f"{detector_folder}: kind `{detector.card['kind']}` can't be exported: {error}") from error
    calibration, quantisation = detector.calibration, None
    if int8:
        calibration, quantisation, graph = _to_int8(graph, detector, found, expected(found.crops))
    elif half:
        graph = with_half_weights(graph)
    graph = with_score(graph, calibration.temperature)
    content = graph.SerializeToString(deterministic=True)
    network = OnnxNetwork(content, view, ela)
    check = quantisation or compare(network, expected, found, calibration, precision).as_dict()
    with atomic_folder(out) as part:
        (part / GRAPH).write_bytes(content)
        (part / FACE_DETECTOR).write_bytes(detector.face_detector)
        for name in (EVALUATION, MODEL_CARD):
            if (detector_folder / name).is_file() and not int8:  # TPR and FPR do not apply to an int8 graph
                (part / name).write_bytes((detector_folder / name).read_bytes())
        if (detector_folder / GATE).is_file():
            (part / GATE).write_bytes((detector_folder / GATE).read_bytes())
        for name in EXAMPLE:
            text = Path(__file__).with_name(name).read_text(encoding="utf-8")
            (part / name).write_text(text.replace("from unseen.serve.onnx.", "from "), encoding="utf-8")
        described = {
            "format": FORMAT,
            "precision": precision,
            "input": {"name": PIXELS, "type": "uint8", "shape": ["batch", side, side, 3]},
            "outputs": {LOGIT: "float32 [batch], before the temperature", SCORE: "float32 [batch], calibrated"},
            "view": view,
            "ela": ela,
            "check": check,
            "weights_sha256": sha256_of(detector_folder / WEIGHTS),
            "versions": {name: version(name) for name in ("torch", "onnx", "onnxruntime", "onnxscript")},
        }
        write_json(part / CARD, _card(part, detector, calibration, described))
    return Exported(out, len(content), precision, check)


def _card(
    part: Path, detector: TrainedDetector, calibration: Calibration, described: dict[str, Any]
) -> dict[str, Any]:
    """Build detector.json: the detector's own card, facts about the export, and the scope."""
    card = {key: value for key, value in detector.card.items() if key not in ("sha256", "code", "view")}
    if described["precision"] == "int8":  # this is another detector, and readers of verdicts must see that
        card["name"] = f"{detector.name} (int8)"
    scope = scope_of(TrainedDetector(card["name"], detector.model, calibration, detector.faces, card, part))
    return {
        **card,
        "calibration": calibration.as_dict(),
        "onnx": described,
        "scope": scope.as_dict(),
        "sha256": {name: sha256_of(part / name) for name in (GRAPH, FACE_DETECTOR)},
    }


def _to_int8(
    graph: Any, detector: TrainedDetector, faces: CheckFaces, expected: Floats
) -> tuple[Calibration, Any, Any]:
    """Quantise: return the calibration of the int8 graph, facts about it, and the graph."""
    view, ela = detector.model.view.as_dict(), detector.model.config.get("ela")
    places = spread(check_has_both(faces), CALIBRATED_ON)
    seen = [one for place in places for one in views_of(faces.crops[place], view, ela)]
    small = quantised(graph, seen)
    network = OnnxNetwork(small.SerializeToString(), view, ela)
    return *calibrated(network, faces, expected, detector.calibration), small


def _check_out(out: Path, detector_folder: Path) -> None:
    """Raise an error if `out` is something that must not be replaced."""
    if out.resolve() == detector_folder.resolve():
        raise UserError(f"{out}: is the detector's own folder; give another one")
    if out.is_dir() and any(out.iterdir()) and not (out / GRAPH).is_file():
        raise UserError(f"{out}: contains other files, which would be lost; give a new folder")
    check_replaceable(out, folder=True)
