"""Explains one detector: its most confident decisions with heatmaps, and training faces similar to its errors."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from unseen.core.code import code_hash
from unseen.core.files import sha256_of
from unseen.core.runtime import machine_key, prepare
from unseen.data import pictures
from unseen.data.shards import FaceSet
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.views import View
from unseen.explanations import neighbours
from unseen.explanations.explanations import (
    CropWithFace,
    crops_of,
    decisions,
    heat_shares,
    most_confident,
    outcome_groups,
    select_decisions,
    shares_inside,
)
from unseen.explanations.heat import Heat, heat, method_of
from unseen.explanations.panels import PanelCell, PanelRow, overlay, sheet, shown
from unseen.explanations.settings import ExplanationSettings
from unseen.faces.crop import Framing
from unseen.gans.training import quality
from unseen.gans.training.quality import Backbone

METHODS = {"own": "its own heatmap", "grad_cam": "Grad-CAM", "occlusion": "occlusion"}

MEANING = {
    "true_positive": "fake, called fake",
    "false_negative": "fake, called real",
    "true_negative": "real, called real",
    "false_positive": "real, called fake",
}


@dataclass(frozen=True)
class Explained:
    """The explanation of a detector.

    Attributes:
        heat: result of `explanations.heat_shares`, with `method` and `threshold`.
        panels: the most confident decisions, by group and outcome.
        neighbours: misclassified faces with their nearest training faces.
        nearest: table of these neighbours: id, outcome, score, place, neighbour, neighbour_label, similarity.
    """

    heat: dict[str, Any]
    panels: Image.Image
    neighbours: Image.Image
    nearest: pd.DataFrame


def framings(folders: dict[str, str]) -> dict[str, Framing]:
    """The framing of each evaluation set, by its folder below data; samples of own GANs are already crops."""
    return {name: "whole" if folder.startswith("fakes/") else "found" for name, folder in folders.items()}


def explain(
    detector: TrainedDetector,
    predictions: Path,
    evaluation: Path,
    folders: dict[str, str],
    train: list[FaceSet],
    weights: Path,
    settings: ExplanationSettings,
    seed: int,
    scratch: Path,
) -> Explained:
    """Explain the decisions of a detector.

    Args:
        detector: detector loaded from its artifact.
        predictions: folder of its predictions.
        evaluation: folder of the evaluation sets.
        folders: `evaluation_sets.*.data` by name.
        train: sets it was trained on.
        weights: folder of the network for the similarity of faces, or `models/none`.
        settings: numbers of faces.
        seed: seed of the intervals.
        scratch: folder for features that the explanations of several detectors share.
    """
    device = prepare()
    threshold = detector.calibration.threshold
    frame = decisions(predictions, folders, threshold, detector.training_seed, detector.generators)
    show, measure = select_decisions(frame, settings.pictures, settings.measured)
    ids = list(dict.fromkeys([*show, *measure]))
    seen = crops_of(ids, evaluation, framings(folders), detector.faces, detector.model.view)
    pixels = np.stack([seen[name].pixels for name in ids])
    fake = np.array(frame.set_index("id").loc[ids, "fake"], bool)
    model = detector.model.to(device).eval()
    method = method_of(model, pixels, device)
    heats = dict(zip(ids, heat(model, pixels, fake, device), strict=True))

    measured = frame.set_index("id", drop=False).loc[measure].reset_index(drop=True)
    inside, area = shares_inside(np.stack([heats[name] for name in measure]), [seen[name].face for name in measure])
    shares = heat_shares(frame, measured.assign(inside=inside, area=area), seed)
    heading = [f"{detector.name}: evidence for its decisions ({METHODS[method]}); fake if score >= {threshold:.3f}"]
    panels = sheet(heading, _panel_rows(frame, settings.pictures, seen, heats))
    similar, table = _neighbours(
        title=detector.name,
        frame=frame,
        settings=settings,
        seen=seen,
        train=train,
        weights=weights,
        view=model.view,
        device=device,
        scratch=scratch,
    )
    return Explained({"method": method, "threshold": threshold, **shares}, panels, similar, table)


def _panel_rows(
    frame: pd.DataFrame, count: int, seen: dict[str, CropWithFace], heats: dict[str, Heat]
) -> list[PanelRow]:
    rows = []
    for group, kind, outcomes in outcome_groups(frame):
        total = int((frame["group"] == group).sum())
        for outcome in outcomes:
            here = frame[(frame["group"] == group) & (frame["outcome"] == outcome)]
            title = [f"{group}: {outcome}", MEANING[outcome], f"{len(here)} of {total}"]
            cells = []
            for name, score in most_confident(frame, group, outcome, count)[["id", "score"]].itertuples(index=False):
                one, found = seen[name], heats[name]
                share = float(shares_inside(found[None], [one.face])[0][0])
                where = "no heat" if np.isnan(share) else f"{share:.0%} on the face"
                pictures = [shown(one.pixels), overlay(one.pixels, found, one.face)]
                cells.append(PanelCell(pictures, [f"score {score:.4f}, {where}", name]))
            rows.append(PanelRow(title, cells, f"none of {total} {kind} faces was {outcome}"))
    return rows


def _neighbours(
    title: str,
    frame: pd.DataFrame,
    settings: ExplanationSettings,
    seen: dict[str, CropWithFace],
    train: list[FaceSet],
    weights: Path,
    view: View,
    device: Any,
    scratch: Path,
) -> tuple[Image.Image, pd.DataFrame]:
    """The misclassified faces of the panels with their nearest training faces, as a sheet and as a table."""
    columns = ["id", "outcome", "score", "place", "neighbour", "neighbour_label", "similarity"]
    if weights.name == "none":
        return sheet([f"{title}: no search, since `explanations.weights` is none"], []), pd.DataFrame(columns=columns)
    wrong = [
        (group, outcome, most_confident(frame, group, outcome, settings.pictures))
        for group, _, outcomes in outcome_groups(frame)
        for outcome in outcomes
        if outcome in ("false_negative", "false_positive")
    ]
    queries = pd.concat([found for _, _, found in wrong])
    faces = neighbours.trained_on(train, settings.searched)
    found = []
    if len(queries):
        pixels = np.stack([seen[name].pixels for name in queries["id"]])
        # Not `Scratch.shared`: its name has the hash of all loaded modules, among them the detector's kind.
        code = code_hash([quality, neighbours, pictures])
        sets = [one.fingerprint() for one in train]
        files = [sha256_of(file) for file in sorted(weights.iterdir())]
        key = [code, sets, files, settings.searched, *machine_key()]
        file = scratch / f"similarity-{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}" / "features"
        found = neighbours.nearest_faces(pixels, faces, Backbone(weights, device), view, file)
    near = dict(zip(queries["id"], found, strict=True))
    rows, table = [], []
    for group, outcome, chosen in wrong:
        if not len(chosen):
            rows.append(PanelRow([f"{group}: {outcome}"], [], f"no face was {outcome}"))
        for name, score in chosen[["id", "score"]].itertuples(index=False):
            cells = [PanelCell([shown(seen[name].pixels)], [f"score {score:.4f}", name])]
            for place, one in enumerate(near[name], 1):
                label = "fake" if one.label else "real"
                cells.append(PanelCell([shown(one.pixels)], [f"{label}, similarity {one.similarity:.2f}", one.id]))
                table.append([name, outcome, score, place, one.id, label, one.similarity])
            rows.append(PanelRow([f"{group}: {outcome}", MEANING[outcome]], cells))
    heading = [f"{title}: misclassified faces and the nearest of {len(faces)} training faces"]
    return sheet(heading, rows), pd.DataFrame(table, columns=columns)
