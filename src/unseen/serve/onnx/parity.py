"""Compare an exported graph with the original detector, on faces."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.serve.onnx.check_faces import CheckFaces
from unseen.serve.onnx.network import OnnxNetwork
from unseen.serve.onnx.views import Pixels
from unseen.serve.verdict import verdict_of

Floats = npt.NDArray[np.float64]

BATCHES = (1, 2, 5, 33)
"""Batch sizes that are compared. An exporter may fix the batch size by mistake."""

TOLERANCE = {"float32": 1e-3, "float16": 0.1}
"""Maximum allowed difference of a logit from PyTorch, by the precision of the weights."""

EDGE = {"float32": 1e-4, "float16": 0.02}
"""A logit that is this close to a limit may get another verdict, because a threshold is often exactly the score of a
validation face."""


@dataclass(frozen=True)
class Parity:
    """The result of a comparison.

    Attributes:
        faces: number of faces.
        source: description of their source.
        batches: see `BATCHES`.
        largest_difference: largest difference of a logit, over all faces and batches.
        verdicts_changed: number of faces with a verdict other than in PyTorch.
    """

    faces: int
    source: str
    batches: tuple[int, ...]
    largest_difference: float
    verdicts_changed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for detector.json."""
        return {**asdict(self), "batches": list(self.batches)}


def verdicts(logits: Floats, calibration: Calibration) -> list[str]:
    """Return the verdict for each logit."""
    scores = calibration.score(logits).tolist()
    return [verdict_of(score, calibration.threshold, calibration.unsure) for score in scores]


def _near_limit(logits: Floats, calibration: Calibration, edge: float) -> npt.NDArray[np.bool_]:
    """Whether a logit lies within `edge` of a limit: [n]."""
    limits = np.clip([calibration.threshold, *calibration.unsure], 1e-300, 1 - 1e-16)
    places = calibration.temperature * np.log(limits / (1 - limits))
    return np.asarray(np.abs(logits[:, None] - places).min(1) <= edge)


def in_batches(network: OnnxNetwork, crops: list[Pixels], size: int) -> Floats:
    """Compute the logits of the first `size` crops in one batch. Crops are repeated if there are fewer."""
    return network.logits([crops[place % len(crops)] for place in range(size)])


def compare(
    network: OnnxNetwork,
    expected: Callable[[list[Pixels]], Floats],
    faces: CheckFaces,
    calibration: Calibration,
    precision: str,
) -> Parity:
    """Compare the logits and verdicts of a graph with those of PyTorch.

    Args:
        network: the graph.
        expected: the logits of PyTorch.
        faces: faces for the comparison.
        calibration: the frozen calibration.
        precision: precision of the weights, a key of `TOLERANCE`.

    Raises:
        UserError: a logit differs by more than `TOLERANCE`, or a verdict differs and the logit is not close to a
        limit.
    """
    wanted = expected(faces.crops)
    differences = {"all": np.abs(network.logits(faces.crops) - wanted).max()}
    for size in BATCHES:
        places = np.arange(size) % len(faces.crops)
        differences[str(size)] = np.abs(in_batches(network, faces.crops, size) - wanted[places]).max()
    worst, largest = max(differences.items(), key=lambda one: np.nan_to_num(one[1], nan=np.inf))
    if not largest <= TOLERANCE[precision]:
        raise UserError(
            f"the graph gives other logits than PyTorch: they differ by {largest:.2g} at batch size {worst}, "
            f"more than {TOLERANCE[precision]:g}, on {faces.source}; nothing was written"
        )
    found = network.logits(faces.crops)
    changed = np.asarray(verdicts(found, calibration)) != np.asarray(verdicts(wanted, calibration))
    far = changed & ~_near_limit(wanted, calibration, EDGE[precision])
    if far.any():
        raise UserError(
            f"the exported graph gives {far.sum()} of {len(wanted)} faces another verdict than PyTorch, on "
            f"{faces.source}; nothing was written"
        )
    return Parity(len(wanted), faces.source, BATCHES, float(largest), int(changed.sum()))
