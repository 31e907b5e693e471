"""The training faces nearest to a misclassified face, by features of a network that no detector uses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from unseen.core.sealed import read_sealed, write_sealed
from unseen.data.pictures import Crops, Pixels
from unseen.data.sample import evenly
from unseen.data.shards import FaceSet
from unseen.detectors.shared.views import View

NEAREST = 3
"""Training faces for each misclassified face."""

BATCH = 64


@dataclass(frozen=True)
class Neighbour:
    """A training face: its crop, id and label, and its cosine similarity to the query face."""

    pixels: Pixels
    id: str
    label: int
    similarity: float


def trained_on(sets: Iterable[FaceSet], count: int) -> Crops:
    """At most `count` stored faces of the train split, evenly spaced; columns id and label."""
    listed = list(sets)
    ids = [name for one in listed for name in one.index(["train"], ["id"])["id"]]
    wanted = set(evenly(ids, count))
    jpegs: list[bytes] = []
    columns: dict[str, list[object]] = {"id": [], "label": []}
    for face_set in listed:
        for batch in face_set.batches(["train"], ["image", "id", "label"]):
            rows: list[dict[str, Any]] = batch.filter(np.isin(batch["id"].to_pylist(), list(wanted))).to_pylist()
            jpegs += [row["image"]["bytes"] for row in rows]
            for name, values in columns.items():
                values += [row[name] for row in rows]
    return Crops(jpegs, columns)


def kept_features(compute: Callable[[], Tensor], file: Path | None) -> Tensor:
    """Return features [n, d] from a file, or compute them and write it.

    The detectors of a run search the same faces, and the network takes most of the time of an explanation.

    Args:
        compute: computes the features, float32 on the CPU.
        file: its name must depend on the faces, the network, the code and the machine; None for no file.
    """
    stored = None if file is None else read_sealed(file, "and the features are computed again")
    if stored is not None:
        return safetensors.torch.load(stored)["features"]
    found = compute()
    if file is not None:
        write_sealed(file, safetensors.torch.save({"features": found}))
    return found


def nearest_faces(
    pixels: Pixels,
    faces: Crops,
    features: Callable[[Tensor], Tensor],
    view: View | None = None,
    file: Path | None = None,
) -> list[list[Neighbour]]:
    """Find the NEAREST faces of each picture by cosine similarity of features, the nearest first.

    Args:
        pixels: pictures uint8 [n, s, s, 3]; may be empty.
        faces: faces to search.
        features: maps uint8 [n, 3, s, s] to [n, d].
        view: the detector's, which `pixels` have; native faces to search are then seen in the same way.
        file: keeps the features of `faces` for other detectors; see `kept_features`. Not for native faces.
    """
    if not len(pixels):
        return []

    def unit(part: Pixels) -> Tensor:
        return functional.normalize(features(torch.from_numpy(part).permute(0, 3, 1, 2)).float().cpu(), dim=1)

    starts = range(0, len(faces), BATCH)
    fit = view.first if view and view.fit else None

    def searched() -> Tensor:
        return torch.cat(
            [unit(faces.take(range(start, min(start + BATCH, len(faces))), fit=fit)) for start in starts]
        )

    similarity = unit(pixels) @ kept_features(searched, None if fit else file).T
    # a stable sort on the CPU, so that ties are in stored order on every device
    order = np.argsort(-similarity.numpy(), axis=1, kind="stable")[:, :NEAREST]
    return [
        [
            Neighbour(
                faces.take([row])[0],
                str(faces.columns["id"][row]),
                int(faces.labels[row]),
                float(similarity[number, row]),
            )
            for row in rows
        ]
        for number, rows in enumerate(order.tolist())
    ]
