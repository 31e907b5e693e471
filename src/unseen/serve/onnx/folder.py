"""Open an exported detector for scoring. Imports neither torch nor onnx."""

import hashlib
from pathlib import Path
from typing import Any, cast

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.settings import validated
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings
from unseen.gate.limits import FILE as GATE
from unseen.gate.limits import read_limits
from unseen.serve.network import LoadedDetector
from unseen.serve.onnx.calibration import FrozenCalibration
from unseen.serve.onnx.network import OnnxNetwork

GRAPH, CARD, FACE_DETECTOR = "detector.onnx", "detector.json", "face_detector.onnx"

INSIDE = "onnx"
"""Name of the folder of an export in a detector's folder."""

FORMAT = 1
"""Format version of the entry `onnx` in detector.json."""

AGAIN = "export the detector again with `unseen export`"


def exported_folder(folder: Path) -> Path:
    """Return the folder of an export: `folder` itself, or its subfolder `onnx`.

    Raises:
        UserError: there is no export.
    """
    found = next((one for one in (folder, folder / INSIDE) if (one / GRAPH).is_file()), None)
    if found is None:
        raise UserError(
            f"{folder}: no {GRAPH} here, which the backend onnx needs; write it with `unseen export {folder} --onnx "
            "DIR`, and give DIR as the detector"
        )
    return found


def _read(file: Path, digest: str) -> bytes:
    """Read a file with a known SHA-256.

    Raises:
        UserError: it is missing, can't be read, or has another SHA-256.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}; {AGAIN}") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{file}: damaged (its SHA-256 is not the recorded one); {AGAIN}")
    return content


def _card(folder: Path) -> dict[str, Any]:
    card = read_json(folder / CARD)
    if not isinstance(card, dict) or not isinstance(card.get("onnx"), dict):
        raise ValueError("it has no entry `onnx`")
    if card["onnx"]["format"] != FORMAT:
        raise ValueError(f"format {card['onnx']['format']}, and this version reads {FORMAT}")
    return card


def _check_current(folder: Path, card: dict[str, Any]) -> None:
    """Raise an error if the export in a detector's folder does not match the detector.

    This happens if the detector was trained or calibrated, or its gate frozen, after the export.
    """
    if folder.name != INSIDE or not (folder.parent / CARD).is_file():
        return
    own = read_json(folder.parent / CARD)
    weights = own.get("sha256", {}).get("weights.safetensors")
    if weights is not None and weights != card["onnx"]["weights_sha256"]:
        raise UserError(f"{folder}: was made from weights other than those in {folder.parent}; {AGAIN}")
    if card["onnx"]["precision"] != "int8" and "calibration" in own:  # int8 is calibrated again
        there, here = (FrozenCalibration.from_dict(one["calibration"]) for one in (own, card))
        if there != here:
            raise UserError(f"{folder}: its calibration differs from that of {folder.parent}; {AGAIN}")
    if read_limits(folder.parent) != read_limits(folder):
        raise UserError(f"{folder}: its {GATE} differs from that of {folder.parent}; {AGAIN}")


def open_exported(given: Path) -> LoadedDetector:
    """Load an exported detector.

    Args:
        given: the folder of an export, or of a detector with one.

    Raises:
        UserError: a file is missing, can't be read or is damaged.
    """
    folder = exported_folder(given)
    file = folder / CARD
    try:
        card = _card(folder)
        _check_current(folder, card)
        faces = validated(FaceSettings, card["faces"], f"{CARD}: faces")
        int(card["seed"])
        calibration = FrozenCalibration.from_dict(card["calibration"])
        graph, detector = (_read(folder / name, card["sha256"][name]) for name in (GRAPH, FACE_DETECTOR))
        file = folder / GRAPH
        network = OnnxNetwork(graph, card["onnx"]["view"], card["onnx"]["ela"])
        file = folder / FACE_DETECTOR
        face_detector = FaceDetector(detector, faces.detect)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}; {AGAIN}") from None
    except Exception as error:  # ONNX Runtime raises many types of exceptions for damaged files
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{file}: damaged ({what}); {AGAIN}") from error
    return LoadedDetector(
        name=card["name"],
        folder=folder,
        card=card,
        calibration=cast(Any, calibration),  # the same interface
        faces=faces,
        face_detector=face_detector,
        network=network,
    )
