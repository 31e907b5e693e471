"""Finds shortcuts: fits a logistic regression on each simple cue, and on all cues of a kind."""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from unseen.audit.cues import CAUSES, Cues, file_cues, original_cues, picture_cues
from unseen.data.shards import FaceSet
from unseen.evaluation.bounds import SAME, unanimous
from unseen.faces.detect import FaceDetector

LIMIT = 2000
"""Faces of a set that are measured at most, evenly spaced over the set."""

FOLDS = 5
BINS = 8
"""Quantile bins of a numeric cue. With bins, a cue also counts if one class has the middle values."""

KINDS = ("file", "picture", "original")
Labels = npt.NDArray[np.int64]
Folds = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


@dataclass(frozen=True)
class SetCues:
    """The cues of a set's faces by kind, and the person of each face."""

    cues: dict[str, list[Cues]]
    people: list[str]


def cues_of_set(face_set: FaceSet, face_detector: FaceDetector) -> SetCues:
    """Measure the cues of at most LIMIT faces of a set, evenly spaced over it."""
    step = max(1, math.ceil(face_set.counts["kept"] / LIMIT))
    cues: dict[str, list[Cues]] = {kind: [] for kind in KINDS}
    people: list[str] = []
    position = 0
    columns = ["image", "identity", "width", "height", "box", "original"]
    for batch in face_set.batches(["train", "val", "test"], columns, 256):
        chosen = batch.take([i for i in range(batch.num_rows) if (position + i) % step == 0]).to_pylist()
        position += batch.num_rows
        pictures = [Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in chosen]
        for row, picture, found in zip(chosen, pictures, face_detector.detect_all(pictures), strict=True):
            cues["file"].append(file_cues(row["image"]["bytes"], face_set.native))
            cues["picture"].append(picture_cues(picture, found))
            cues["original"].append(original_cues(row, picture.width))
            people.append(row["identity"])
    return SetCues(cues, people)


def _binned(values: list[float | str]) -> npt.NDArray[np.str_]:
    """A cue as categories; numbers become the index of their quantile bin."""
    if isinstance(values[0], str):
        return np.asarray(values)
    numbers = np.asarray(values, np.float64)
    edges = np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, numbers, "right").astype(str)


def _with_interval(auc: float, reals: int, fakes: int) -> dict[str, float]:
    """An AUC with its 95 % interval (Hanley and McNeil 1982), or the exact bound if that has no width."""
    if min(auc, 1 - auc) < SAME:
        return {"auc": auc, **unanimous(auc, min(reals, fakes))}
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (fakes - 1) * (q1 - auc**2) + (reals - 1) * (q2 - auc**2)
    margin = 1.96 * math.sqrt(max(variance, 0.0) / (reals * fakes))
    return {"auc": auc, "low": max(0.0, auc - margin), "high": min(1.0, auc + margin)}


def _folds(labels: Labels, groups: npt.NDArray[np.int64]) -> Folds:
    """Folds without shared groups and with both classes on both sides; none if there are too few groups."""
    by_class = [len(set(groups[labels == label].tolist())) for label in (0, 1)]
    if min(by_class) < 2:
        return []
    splitter = StratifiedGroupKFold(min(FOLDS, *by_class), shuffle=True, random_state=0)
    folds = splitter.split(labels, labels, groups)
    return [fold for fold in folds if all(len(set(labels[rows].tolist())) == 2 for rows in fold)]


def folds_of(labels: Labels, people: list[str]) -> Folds:
    """Split rows into training and test rows, for each fold.

    No person is in two folds, so that recognising a person does not help. If a class has too few people for that,
    faces are split independently: a false positive is better than a missed shortcut.

    Args:
        labels: [n], 0 real and 1 fake, at least two of each.
        people: [n], the person of each face.
    """
    _, groups = np.unique(people, return_inverse=True)
    return _folds(labels, groups) or _folds(labels, np.arange(len(labels)))


def separation(
    columns: list[list[float | str]], labels: Labels, folds: Folds, independent: tuple[int, int]
) -> dict[str, float]:
    """Cross-validated AUC of a logistic regression on binned cues, with its interval.

    Args:
        columns: a list of values for each cue.
        labels: [n], 0 real and 1 fake, at least two of each.
        folds: from `folds_of`; shared by all cues, since splitting takes longer than a fit.
        independent: numbers of independent reals and fakes, for the interval.
    """
    names = np.stack([_binned(values) for values in columns], 1)
    if all(len(set(column)) == 1 for column in names.T.tolist()):
        return _with_interval(0.5, *independent)
    features = OneHotEncoder(dtype=np.float64).fit_transform(names).tocsr()
    aucs, weights = [], []
    for fit, held_back in folds:
        model = LogisticRegression(max_iter=200).fit(features[fit], labels[fit])
        aucs.append(roc_auc_score(labels[held_back], model.decision_function(features[held_back])))
        weights.append(len(held_back))
    # AUCs are averaged over folds, since scores of different models are not on one scale.
    return _with_interval(float(np.average(aucs, weights=weights)) if aucs else 0.5, *independent)


def _kind_separation(rows: list[Cues], labels: Labels, folds: Folds, independent: tuple[int, int]) -> dict[str, Any]:
    """The separation by each cue of a kind and by all of them, and the best cue."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    cues = {name: separation([values], labels, folds, independent) for name, values in columns.items()}
    best = max(cues, key=lambda name: cues[name]["auc"])  # the first of equal ones, which the others follow from
    together = separation(list(columns.values()), labels, folds, independent)
    return {"cues": cues, "together": together, "carried_by": best}


def audit(
    sets: list[FaceSet], face_detector: FaceDetector, max_auc: float, allow: Collection[str] = ()
) -> dict[str, Any]:
    """Search for shortcuts in every pair of a set of reals and a set of fakes.

    Args:
        sets: all stored sets.
        face_detector: finds the face in each stored crop.
        max_auc: a file cue separates a pair if the lower limit of its AUC is above this.
        allow: file cues that do not count for `separated_by`.

    Returns:
        `pairs`, for each `real / fake`: whether it `trains`; for each kind the AUC of each of its `cues`, of all
        `together`, and the best cue, `carried_by`; and `separated_by`, the file cues above the limit. `failed`: the
        training pairs that file cues separate.
    """
    cues = {face_set.name: cues_of_set(face_set, face_detector) for face_set in sets}
    # The fits are small: with several threads they wait longer than they work.
    with threadpool_limits(1, "blas"):
        pairs = _pairs(sets, cues, max_auc, allow)
    failed = sorted(name for name, pair in pairs.items() if pair["trains"] and pair["separated_by"])
    return {"pairs": pairs, "failed": failed}


def _pairs(sets: list[FaceSet], cues: dict[str, SetCues], max_auc: float, allow: Collection[str]) -> dict[str, Any]:
    """The separation of each pair; see `audit`."""
    pairs: dict[str, Any] = {}
    for real in (face_set for face_set in sets if face_set.label == 0):
        for fake in (face_set for face_set in sets if face_set.label == 1):
            a, b = cues[real.name], cues[fake.name]
            pictures, people = (len(a.people), len(b.people)), (len(set(a.people)), len(set(b.people)))
            if min(pictures) < 2:
                continue
            labels = np.repeat([0, 1], pictures)
            folds = folds_of(labels, a.people + b.people)
            # Preprocessing handles each picture separately, but pictures of one person are not independent.
            independent = {"file": pictures, "picture": people, "original": people}
            found = {
                kind: _kind_separation(a.cues[kind] + b.cues[kind], labels, folds, independent[kind])
                for kind in KINDS
            }
            of_file = found["file"]
            above = [name for name, value in of_file["cues"].items() if value["low"] > max_auc]
            separated = [name for name in above if name not in allow]
            if not above and of_file["together"]["low"] > max_auc:
                separated = [of_file["carried_by"]]
            pairs[f"{real.name} / {fake.name}"] = {
                "trains": real.use == fake.use == "train",
                **found,
                "separated_by": separated,
            }
    return pairs


def as_rows(found: dict[str, Any]) -> list[dict[str, str]]:
    """The result of `audit` as rows of a table: pair, kind, cue, auc, low, high, and the likely cause."""
    return [
        {
            "pair": pair,
            "kind": kind,
            "cue": cue,
            **{key: f"{value[key]:.6f}" for key in ("auc", "low", "high")},
            "cause": CAUSES.get(cue, ""),
        }
        for pair, one in found["pairs"].items()
        for kind in KINDS
        for cue, value in {"(together)": one[kind]["together"], **one[kind]["cues"]}.items()
    ]
