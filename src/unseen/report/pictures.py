"""Pictures for the report: sample grids and curves, ready to stand inside a page."""

import base64
import io
from pathlib import Path
from typing import Any

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


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def roc_chart(roc: pd.DataFrame, pair: str) -> str:
    """ROC curves of every detector on one pair, as an SVG element."""
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    axes = figure.subplots()
    for detector, curve in roc[roc["pair"] == pair].groupby("detector", sort=True):
        axes.plot(curve["fpr"], curve["tpr"], label=str(detector), drawstyle="steps-post")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":", label="chance")
    axes.set(xlabel="reals wrongly flagged", ylabel="fakes caught", title=pair)
    axes.legend(loc="lower right", fontsize=8)
    return _svg(figure)


def audit_chart(found: dict[str, Any]) -> str:
    """The AUC of each cue of a pair with its interval, one chart a kind, as an SVG element.

    Args:
        found: one of the pairs of the audit.
    """
    kinds = ("file", "picture", "original")
    most = max(len(found[kind]["cues"]) for kind in kinds)
    figure = Figure(figsize=(11, 0.6 + 0.2 * most), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 3), kinds, strict=True):
        cues = sorted(found[kind]["cues"].items(), key=lambda item: (item[1]["auc"], item[0]))
        aucs = np.asarray([cue["auc"] for _, cue in cues])
        ends = [[cue["auc"] - cue["low"] for _, cue in cues], [cue["high"] - cue["auc"] for _, cue in cues]]
        axes.barh([name for name, _ in cues], aucs - 0.5, left=0.5, xerr=ends, height=0.7, ecolor="grey")
        axes.axvline(0.5, color="black", linewidth=0.8)
        axes.set(
            xlim=(0.3, 1.02), ylim=(len(cues) - most - 0.5, len(cues) - 0.5), title=f"of the {kind}", xlabel="AUC"
        )
        axes.tick_params(labelsize=8)
    return _svg(figure)


def originals_chart(longer: list[int], qualities: list[int], formats: dict[str, int]) -> str:
    """How large the originals of a set are and how hard they were compressed, as an SVG element.

    Args:
        longer: pixels of each original's longer side.
        qualities: estimated quality of those that are JPEG files.
        formats: how many are of which format.
    """
    figure = Figure(figsize=(7.5, 2.3), layout="constrained")
    size, quality = figure.subplots(1, 2)
    size.hist(longer, bins=[float(edge) for edge in np.linspace(0, 1.1 * max(longer), 23)])
    size.set(xlabel="longer side of the original, pixels", ylabel="pictures")
    listed = ", ".join(f"{name} {count}" for name, count in formats.items())
    quality.set(xlabel=f"JPEG quality of the original ({listed})", xlim=(0, 105))
    if qualities:
        quality.hist(qualities, bins=range(0, 106, 5))
    else:
        quality.set_yticks([])
        quality.text(52, 0.5, "no JPEG", ha="center", color="grey", transform=quality.get_xaxis_transform())
    return _svg(figure)
