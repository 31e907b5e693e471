"""Quantise a graph to int8, with a new threshold and AUC.

Weights are int8 per channel and limited to 7 bits; activations are uint8. With 8-bit weights, 16-bit sums overflow on
processors without VNNI, and the same file gives other scores there. Quantisation changes the scores, so temperature
and threshold are fitted again on validation faces.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.serve.onnx.check_faces import CheckFaces
from unseen.serve.onnx.graph import PIXELS, quiet
from unseen.serve.onnx.network import OnnxNetwork
from unseen.serve.onnx.parity import BATCHES, Floats, in_batches, verdicts
from unseen.serve.onnx.views import Pixels

CALIBRATED_ON = 256
"""Maximum number of faces that determine the ranges of the activations."""

BATCH = 16

SAME = 1e-3
"""Largest allowed difference between the logits of a face in two batches."""


def quantised(graph: onnx.ModelProto, inputs: list[Pixels]) -> onnx.ModelProto:
    """Quantise a graph to int8 (QDQ).

    Args:
        graph: a graph from `graph_of`, without the output `SCORE`.
        inputs: real and fake faces in the input format of the graph, uint8 [side, side, 3].
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[list[Pixels]] = iter(
                [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
            )

        def get_next(self) -> dict[str, Pixels] | None:
            batch = next(self._batches, None)
            return None if batch is None else {PIXELS: np.stack(batch)}

    with tempfile.TemporaryDirectory() as folder, quiet():
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(graph, before)
        quantize_static(
            before,
            after,
            Reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        return onnx.load(after)


def spread(labels: npt.NDArray[np.int64], count: int) -> list[int]:
    """Return the indices of at most `count` evenly spaced faces, half of them from each class."""
    found: list[int] = []
    for label in (0, 1):
        places = np.flatnonzero(labels == label)
        number = min(len(places), count // 2)
        found += places[np.linspace(0, len(places) - 1, number).round().astype(int)].tolist()
    return found


def check_has_both(faces: CheckFaces) -> npt.NDArray[np.int64]:
    """Return the labels of the faces.

    Raises:
        UserError: they are not validation faces of both classes.
    """
    if not faces.validation or faces.labels is None or len(set(faces.labels.tolist())) < 2:
        raise UserError(
            f"int8 needs real and fake validation faces to fit a threshold, and {faces.source} are not "
            "that; export where the training data are, or give their folder with `--faces`"
        )
    return faces.labels


def settings_of(before: Calibration) -> CalibrationSettings:
    """Return the settings of a detector's calibration; `unsure_tail` is the default if an older artifact lacks it."""
    given = {"max_fpr": before.max_fpr}
    if before.unsure_tail is not None:
        given["unsure_tail"] = before.unsure_tail
    found: CalibrationSettings = validated(CalibrationSettings, given, "calibration")
    return found


def calibrated(
    network: OnnxNetwork, faces: CheckFaces, expected: Floats, before: Calibration
) -> tuple[Calibration, dict[str, Any]]:
    """Fit temperature, threshold and unsure band of an int8 graph on validation faces.

    Args:
        network: the int8 graph.
        faces: validation faces.
        expected: the logits of PyTorch for these faces.
        before: the calibration of the original detector.

    Returns:
        The calibration, and facts for detector.json: AUC and verdicts before and after.

    Raises:
        UserError: the faces are not validation faces of both classes, or the logits depend on the batch.
    """
    from sklearn.metrics import roc_auc_score

    labels = check_has_both(faces)
    logits = network.logits(faces.crops)
    for size in BATCHES:
        places = np.arange(size) % len(logits)
        largest = np.abs(in_batches(network, faces.crops, size) - logits[places]).max()
        if not largest <= SAME:
            raise UserError(f"the int8 graph gives other logits at batch size {size}, by {largest:.2g}; use float32")
    settings = settings_of(before)
    found = calibrate(logits, labels, settings)
    changed = np.asarray(verdicts(logits, found)) != np.asarray(verdicts(expected, before))
    return found, {
        "auc": float(roc_auc_score(labels, logits)),
        "auc_of_float32": float(roc_auc_score(labels, expected)),
        "unsure_tail": settings.unsure_tail,
        "faces": len(labels),
        "source": faces.source,
        "largest_difference": float(np.abs(logits - expected).max()),
        "verdicts_changed": int(changed.sum()),
    }
