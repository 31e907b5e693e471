"""Run a detector's graph in ONNX Runtime, on the CPU. Imports neither torch nor onnx."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from unseen.core import environment
from unseen.serve.onnx.views import Pixels, views_of

BATCH = 64
"""Maximum number of pictures per run of the graph. Larger batches need more memory and are not faster."""


class OnnxNetwork:
    """A graph with the interface `unseen.serve.network.Network`.

    Attributes:
        threads: CPU threads of a run.
    """

    def __init__(self, graph: bytes, view: Mapping[str, Any], ela: Mapping[str, Any] | None = None) -> None:
        """Load a graph. ONNX Runtime raises many types of exceptions for a damaged one.

        Args:
            graph: the content of detector.onnx.
            view: see `views_of`.
            ela: see `views_of`.
        """
        self.threads = environment.threads(1)
        self._view, self._ela = dict(view), ela
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self._session.get_outputs()]

    def logits(self, pixels: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Compute the logits [n], before the temperature, of crops uint8 [side, side, 3], averaged over the views of
        each crop. Thread-safe."""
        seen = [view for crop in pixels for view in views_of(crop, self._view, self._ela)]
        if not seen:
            return np.empty(0)
        batches = [np.stack(seen[start : start + BATCH]) for start in range(0, len(seen), BATCH)]
        found = [self._session.run(["logit"], {"pixels": batch})[0] for batch in batches]
        each = np.concatenate(found).astype(np.float64).reshape(len(pixels), -1)
        return np.asarray(each.mean(1))

    def scores(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return the output `score` [n] of the graph for views uint8 [n, side, side, 3]."""
        found: npt.NDArray[np.float32] = self._session.run(["score"], {"pixels": pixels})[0]
        return found
