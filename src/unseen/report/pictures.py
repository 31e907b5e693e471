"""Pictures for the report: sample grids and curves, ready to stand inside a page."""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from unseen.pictures import decode_crop, grid
from unseen.shards import FaceSet

SAMPLES = 24
COLUMNS = 12

# The page must have the same bytes for the same numbers: element names come from this salt, not from chance.
matplotlib.rcParams["svg.hashsalt"] = "unseen"
matplotlib.rcParams["svg.fonttype"] = "none"


def data_uri(picture: Image.Image) -> str:
    """A picture as a PNG data address."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def file_uri(path: Path) -> str:
    """A PNG file as a data address."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def sample_grid(face_set: FaceSet) -> Image.Image:
    """SAMPLES stored faces of a set, spread evenly over it, as they are fed to detectors."""
    kept = face_set.counts["kept"]
    wanted = set(np.linspace(0, kept - 1, min(SAMPLES, kept)).round().astype(int).tolist())
    faces, position = [], 0
    for batch in face_set.batches(["train", "val", "test"], ["image"]):
        for data in batch["image"].field("bytes").to_pylist():
            if position in wanted:
                faces.append(decode_crop(data))
            position += 1
    return grid(np.stack(faces), COLUMNS)


def roc_chart(roc: pd.DataFrame, pair: str) -> str:
    """ROC curves of every detector on one pair, as an SVG element."""
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    axes = figure.subplots()
    for detector, curve in roc[roc["pair"] == pair].groupby("detector", sort=True):
        axes.plot(curve["fpr"], curve["tpr"], label=str(detector), drawstyle="steps-post")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":", label="chance")
    axes.set(xlabel="reals wrongly flagged", ylabel="fakes caught", title=pair)
    axes.legend(loc="lower right", fontsize=8)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
