"""An export with drawn weights that needs no PyTorch: a small graph in the form that `unseen export` writes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from unseen.faces.settings import FaceSettings
from unseen.gate.limits import FILE, Limits

from ..test_predict import TRAINED_ON

CALIBRATION = {
    "temperature": 0.8,
    "threshold": 0.5,
    "unsure": [0.35, 0.6],
    "max_fpr": 0.05,
    "validation": {"reals": 90, "fakes": 82},
    "at_fpr": {},
}
CARD = "# drawn\n\nA detector with drawn weights.\n"

LIMITS = Limits(0.595, 0.6, 40.0, 0.3, {"reals": 9, "fakes": 9}, {"reals": 0.0, "fakes": 0.0})


def drawn_graph(side: int) -> bytes:
    """A convolution, a rectifier and a mean: the logit depends on every pixel."""
    random = np.random.default_rng(3)
    weights = {
        "scale": np.float32(1 / 64),
        "kernel": random.normal(0, 1, (8, 3, 3, 3)).astype(np.float32),
        "out": np.concatenate([np.full(4, 1.0), np.full(4, -1.0)]).astype(np.float32)[:, None] / 5,
        "bias": np.asarray([7.2], np.float32),
        "axes": np.asarray([1], np.int64),
    }
    steps = [
        helper.make_node("Cast", ["pixels"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["channels", "kernel"], ["found"], strides=[2, 2]),
        helper.make_node("Relu", ["found"], ["rectified"]),
        helper.make_node("GlobalAveragePool", ["rectified"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "out", "bias"], ["column"]),
        helper.make_node("Squeeze", ["column", "axes"], ["logit"]),
    ]
    graph = helper.make_graph(
        steps,
        "drawn",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", side, side, 3])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def make_export(folder: Path, face_detector: bytes, faces: FaceSettings) -> Path:
    """Write an export with a gate and a model card."""
    folder.mkdir()
    graph = drawn_graph(faces.side)
    described: dict[str, Any] = {
        "format": 1,
        "precision": "float32",
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", faces.side, faces.side, 3]},
        "view": {"kind": "stored", "side": faces.side, "views": 1},
        "ela": None,
        "weights_sha256": "0" * 64,
    }
    card = {
        "name": "drawn",
        "kind": "drawn",
        "faces": faces.model_dump(),
        "seed": 4,
        "calibration": CALIBRATION,
        "trained_on": TRAINED_ON,
        "onnx": described,
        "sha256": {
            "detector.onnx": hashlib.sha256(graph).hexdigest(),
            "face_detector.onnx": hashlib.sha256(face_detector).hexdigest(),
        },
    }
    (folder / "detector.onnx").write_bytes(graph)
    (folder / "face_detector.onnx").write_bytes(face_detector)
    (folder / "detector.json").write_text(json.dumps(card))
    (folder / "card.md").write_text(CARD)
    (folder / FILE).write_text(json.dumps(LIMITS.as_dict()))
    return folder
