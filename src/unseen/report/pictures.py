"""Pictures for the pages: sample grids and histograms, as data addresses and SVG elements."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes
from PIL import Image

from unseen.data.pictures import decode_crop, grid
from unseen.data.shards import FaceSet
from unseen.report.charts import BAR, chart, number_axis

SAMPLES = 24
COLUMNS = 12
CELL = 96
"""Pixels of a face of a native set in a sample grid."""

WEBP_SIDE = 16383
"""Largest side of a WebP file, in pixels."""


def data_uri(picture: Image.Image) -> str:
    """Encode a picture as a PNG data address."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def file_uri(path: Path) -> str:
    """Encode a PNG file as a data address."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def webp_uri(picture: Image.Image) -> str:
    """Encode a picture as a lossy WebP data address, about a tenth of the bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "WEBP", quality=80, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def small_uri(path: Path) -> str:
    """Encode a PNG file as WebP; as it is if it is too large for WebP."""
    with Image.open(path) as picture:
        return file_uri(path) if max(picture.size) > WEBP_SIDE else webp_uri(picture)


def sample_grid(face_set: FaceSet) -> Image.Image:
    """Return a grid of SAMPLES stored faces, evenly spaced over a set."""
    kept = face_set.counts["kept"]
    wanted = np.linspace(0, kept - 1, min(SAMPLES, kept)).round().astype(int)
    faces, position = [], 0
    for batch in face_set.batches(["train", "val", "test"], ["image"]):
        inside = wanted[(wanted >= position) & (wanted < position + batch.num_rows)] - position
        faces += [decode_crop(batch["image"][place]["bytes"].as_py()) for place in inside.tolist()]
        position += batch.num_rows
    if face_set.native:  # a face a cell: the sides differ
        cells = [Image.fromarray(face).resize((CELL, CELL), Image.Resampling.LANCZOS) for face in faces]
        faces = [np.asarray(cell) for cell in cells]
    return grid(np.stack(faces), COLUMNS)


def originals_chart(
    longer: Sequence[int] | npt.NDArray[np.int32], qualities: list[int], formats: dict[str, int]
) -> Markup:
    """Return histograms of the sizes and JPEG qualities of the originals of a set, as SVG elements.

    Args:
        longer: longer side of each original, in pixels.
        qualities: estimated quality of each JPEG file.
        formats: number of originals by format.
    """
    listed = ", ".join(f"{name} {count}" for name, count in formats.items())
    sizes = np.linspace(0, 1.1 * max(longer), 23)
    charts = _histogram(f"Originals: {listed}", "longer side, pixels", longer, sizes)
    if qualities:
        charts += _histogram("Estimated quality of the JPEGs", "JPEG quality", qualities, np.arange(0, 106, 5.0))
    return charts


def _histogram(
    title: str, label: str, values: Sequence[int] | npt.NDArray[np.int32], edges: npt.NDArray[np.float64]
) -> Markup:
    counts, _ = np.histogram(values, edges)
    most = int(max(counts.max(), 1))

    def draw(axes: Axes) -> None:
        axes.set(xlabel=label, ylabel="pictures")
        number_axis(axes.xaxis, 0, float(edges[-1]))
        number_axis(axes.yaxis, 0, most)
        axes.stairs(counts, edges, fill=True, color=BAR, alpha=0.75)

    return chart(title, draw, 320, 180)
