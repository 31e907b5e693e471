"""Detect faces and their five landmarks with CenterFace (Xu et al. 2019, arXiv 1911.03599).

The network's output differs between processors in the last bits, because each has its own order of sums. Everything
that this module returns is rounded, so that crops have the same bytes on all of them; see `PIXEL_GRID`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

if TYPE_CHECKING:
    from unseen.faces.settings import DetectSettings

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

STRIDE = 4
"""Input pixels per cell of the heatmap."""

GRID = 32
"""The network's input sides are multiples of this."""

BATCH_PIXELS = 8 * 128 * 128
"""Input pixels of a batch at most."""

PIXEL_GRID = 0.5
"""Boxes and landmarks are multiples of this, in pixels of the network's input.

Between SSE4.1, AVX2 and AVX-512 the network's coordinates differ by 0.00001 pixels on average and by 0.0001 at most.
Two processors therefore disagree only about a value that lies that close to the middle between two multiples: 1 to 2
of 10,000 crops, and 7 to 10 with a grid of 1/16. The network's cell is 4 pixels, so little is lost.
"""

SCORE_DIGITS = 3
"""Decimals of a detection score."""

OVERLAP = 0.3
"""Boxes with a larger intersection over union are the same face."""


@dataclass(frozen=True)
class DetectedFace:
    """A detected face.

    Attributes:
        box: left, top, right, bottom, in pixels of the picture, rounded to `PIXEL_GRID` of the network's input.
        landmarks: 5 x (x, y) in pixels, rounded in the same way: eyes, nose and mouth corners, each pair from left to
            right in the picture.
        score: detection score in [0, 1], rounded to `SCORE_DIGITS`.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float


def _on_grid(pixels: Doubles) -> Doubles:
    """Round coordinates of the network's input to `PIXEL_GRID`."""
    return np.rint(pixels / PIXEL_GRID) * PIXEL_GRID + 0.0  # 0.0, so that there is no -0.0


def _overlap(box: Doubles, others: Doubles) -> Doubles:
    """Intersection over union of a box [4] and others [n, 4]."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.where((width > 0) & (height > 0), width * height, 0.0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    ratios: Doubles = np.divide(shared, areas + area - shared, out=np.zeros_like(shared), where=shared > 0)
    return ratios


def _non_maximum_suppression(scores: Doubles, boxes: Doubles) -> list[int]:
    """Greedy non-maximum suppression: the positions of the kept boxes [n, 4], best score first."""
    kept: list[int] = []
    rest = np.argsort(-scores, kind="stable")
    while len(rest):
        kept.append(int(rest[0]))
        rest = rest[1:][_overlap(boxes[rest[0]], boxes[rest[1:]]) <= OVERLAP]
    return kept


class FaceDetector:
    """CenterFace on the CPU."""

    def __init__(self, model: bytes, settings: "DetectSettings", threads: int = 1) -> None:
        """`model` is from `with_dynamic_input`; `threads` does not change the result."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._settings = settings

    def _input_side(self, size: tuple[int, int], wanted: int) -> tuple[int, int]:
        sides = [max(1, round(side * wanted / max(size) / GRID)) * GRID for side in size]
        return sides[0], sides[1]

    def detect(self, picture: Image.Image) -> list[DetectedFace]:
        """The faces in an RGB picture, highest score first; may be empty."""
        return self.detect_all([picture])[0]

    def detect_all(self, pictures: Sequence[Image.Image]) -> list[list[DetectedFace]]:
        """The faces in each RGB picture, bit-identical to calls of `detect`.

        Small pictures of the same input size are batched. Batches of large ones are slower, because they do not fit
        into the CPU cache.
        """
        low, high = self._settings.side_low, self._settings.side_high
        first = [self._input_side(picture.size, min(max(*picture.size, low), high)) for picture in pictures]
        found = self._run_batches(pictures, first)
        # A face that fills a large picture is too large for the network: detect it in a smaller copy.
        second = [self._input_side(picture.size, low) for picture in pictures]
        missed = [i for i, faces in enumerate(found) if not faces and first[i] != second[i]]
        for i, faces in zip(
            missed, self._run_batches([pictures[i] for i in missed], [second[i] for i in missed]), strict=True
        ):
            found[i] = faces
        return found

    def _run_batches(
        self, pictures: Sequence[Image.Image], sides: Sequence[tuple[int, int]]
    ) -> list[list[DetectedFace]]:
        """The faces in each picture; `sides` has the input's width and height for each."""
        found: list[list[DetectedFace]] = [[] for _ in pictures]
        for width, height in dict.fromkeys(sides):
            positions = [i for i, side in enumerate(sides) if side == (width, height)]
            size = max(1, BATCH_PIXELS // (width * height))
            for first in range(0, len(positions), size):
                batch = positions[first : first + size]
                outputs = self._run([pictures[i] for i in batch], width, height)
                for row, i in enumerate(batch):
                    found[i] = self._decode([out[row] for out in outputs], pictures[i].size, width, height)
        return found

    def _run(self, pictures: list[Image.Image], width: int, height: int) -> list[Array]:
        """The network's four maps for a batch of pictures, resized to its input."""
        batch = np.empty((len(pictures), 3, height, width), np.float32)
        for row, picture in enumerate(pictures):
            batch[row] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        outputs: list[Array] = self._session.run(None, {self._input: batch})
        return outputs

    def _decode(self, maps: list[Array], size: tuple[int, int], width: int, height: int) -> list[DetectedFace]:
        """Decode the network's maps to faces in pixels of a picture of `size`.

        A face has tens to hundreds of cells above the minimum score. Landmarks are decoded only for the one that is
        kept. Offsets and log sizes are (y, x), landmarks are fractions of the box.
        """
        heat, sizes, offsets, points = maps
        rows, columns = np.nonzero(heat[0] > self._settings.min_score)
        if not len(rows):
            return []
        across, down = size[0] / width, size[1] / height
        scores = [round(score, SCORE_DIGITS) for score in heat[0, rows, columns].tolist()]
        # In double precision, one by one: NumPy's `exp` differs between processors.
        tall, wide = (
            np.array([math.exp(value) * STRIDE for value in logs]) for logs in sizes[:, rows, columns].tolist()
        )
        shift_y, shift_x = offsets[:, rows, columns].astype(np.float64)
        left, top = (columns + shift_x + 0.5) * STRIDE - wide / 2, (rows + shift_y + 0.5) * STRIDE - tall / 2
        corners = _on_grid(np.stack([left, top, left + wide, top + tall], axis=1))
        boxes = corners * (across, down, across, down)
        found = []
        for i in _non_maximum_suppression(np.array(scores), boxes):
            y, x = points[:, rows[i], columns[i]].astype(np.float64).reshape(5, 2).T
            xs, ys = _on_grid(x * wide[i] + left[i]) * across, _on_grid(y * tall[i] + top[i]) * down
            landmarks = tuple(zip(xs.tolist(), ys.tolist(), strict=True))
            found.append(DetectedFace(tuple(boxes[i].tolist()), landmarks, scores[i]))
        return found


def with_dynamic_input(model: bytes) -> bytes:
    """CenterFace's graph with dynamic batch size, height and width, and with weights that are not inputs.

    The published file has a fixed input of 10 x 3 x 32 x 32 and lists its weights as inputs.
    """
    import onnx  # slow to import, and not needed for prediction

    graph = onnx.load_from_string(model)
    image = graph.graph.input[0]
    del graph.graph.input[1:]
    for value in [image, *graph.graph.output]:
        for axis, name in ((0, "n"), (2, "h"), (3, "w")):
            value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}_{name}"
    encoded: bytes = graph.SerializeToString(deterministic=True)
    return encoded
