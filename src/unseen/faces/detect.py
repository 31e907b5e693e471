"""Detect faces and their five landmarks with CenterFace (Xu et al. 2019, arXiv 1911.03599).

The network's output differs between processors in the last bits, because each has its own order of sums. Everything
that this module returns is rounded, so that crops have the same bytes on all of them; see `PIXEL_GRID`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from unseen.faces.settings import DetectSettings

Array = npt.NDArray[np.float32]

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


def _on_grid(pixels: float) -> float:
    """Round a coordinate of the network's input to `PIXEL_GRID`."""
    return round(pixels / PIXEL_GRID) * PIXEL_GRID


def _overlap(a: DetectedFace, b: DetectedFace) -> float:
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in (a, b)]
    return width * height / (sum(areas) - width * height)


def _non_maximum_suppression(found: list[DetectedFace]) -> list[DetectedFace]:
    """Greedy non-maximum suppression, best score first."""
    kept: list[DetectedFace] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_overlap(face, other) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


class FaceDetector:
    """CenterFace on the CPU."""

    def __init__(self, model: bytes, settings: DetectSettings, threads: int = 1) -> None:
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
        """Decode the network's maps to faces in pixels of a picture of `size`."""
        heat, sizes, offsets, points = maps
        rows, columns = np.nonzero(heat[0] > self._settings.min_score)
        across, down = size[0] / width, size[1] / height
        return _non_maximum_suppression(
            [
                self._face(
                    score=float(heat[0, y, x]),
                    y=y,
                    x=x,
                    sizes=sizes[:, y, x],
                    offsets=offsets[:, y, x],
                    points=points[:, y, x],
                    across=across,
                    down=down,
                )
                for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
            ]
        )

    @staticmethod
    def _face(
        score: float,
        y: int,
        x: int,
        sizes: npt.NDArray[np.float32],
        offsets: npt.NDArray[np.float32],
        points: npt.NDArray[np.float32],
        across: float,
        down: float,
    ) -> DetectedFace:
        """Decode one cell: offsets and log sizes are (y, x), landmarks are fractions of the box."""
        # In double precision: NumPy's float32 `exp` differs between processors too.
        tall, wide = (math.exp(float(value)) * STRIDE for value in sizes)
        left = (x + float(offsets[1]) + 0.5) * STRIDE - wide / 2
        top = (y + float(offsets[0]) + 0.5) * STRIDE - tall / 2
        box = (
            _on_grid(left) * across,
            _on_grid(top) * down,
            _on_grid(left + wide) * across,
            _on_grid(top + tall) * down,
        )
        landmarks = tuple(
            (
                _on_grid(float(points[2 * i + 1]) * wide + left) * across,
                _on_grid(float(points[2 * i]) * tall + top) * down,
            )
            for i in range(5)
        )
        return DetectedFace(box, landmarks, round(score, SCORE_DIGITS))


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
