"""Can trivial cues tell the classes apart? A simple classifier is fitted on each cue, and on all of a kind."""

import io
import math
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
"""Faces of a set that are looked at, spread evenly over it."""

FOLDS = 5
BINS = 8
"""Equally full parts into which a number is cut, so that a cue counts that is in the middle for one class."""

KINDS = ("file", "picture", "original")
Labels = npt.NDArray[np.int64]
Folds = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


@dataclass(frozen=True)
class Looked:
    """The cues of a set's faces, by kind, and whose faces they are."""

    cues: dict[str, list[Cues]]
    people: list[str]


def look_at(face_set: FaceSet, face_detector: FaceDetector) -> Looked:
    """The cues of up to LIMIT faces of a set, evenly spread over it."""
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
            cues["file"].append(file_cues(row["image"]["bytes"]))
            cues["picture"].append(picture_cues(picture, found))
            cues["original"].append(original_cues(row, picture.width))
            people.append(row["identity"])
    return Looked(cues, people)


def _binned(values: list[float | str]) -> npt.NDArray[np.str_]:
    """A cue as names: a number becomes the name of its part."""
    if isinstance(values[0], str):
        return np.asarray(values)
    numbers = np.asarray(values, np.float64)
    edges = np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, numbers, "right").astype(str)


def _with_interval(auc: float, reals: int, fakes: int) -> dict[str, float]:
    """An AUC with its 95 % interval after Hanley and McNeil 1982, or its exact bound where theirs has no width."""
    if min(auc, 1 - auc) < SAME:
        return {"auc": auc, **unanimous(auc, min(reals, fakes))}
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (fakes - 1) * (q1 - auc**2) + (reals - 1) * (q2 - auc**2)
    margin = 1.96 * math.sqrt(max(variance, 0.0) / (reals * fakes))
    return {"auc": auc, "low": max(0.0, auc - margin), "high": min(1.0, auc + margin)}


def _folds(labels: Labels, groups: npt.NDArray[np.int64]) -> Folds:
    """Folds that no group straddles and that have both classes on either side: none where the groups are too few."""
    by_class = [len(set(groups[labels == label].tolist())) for label in (0, 1)]
    if min(by_class) < 2:
        return []
    splitter = StratifiedGroupKFold(min(FOLDS, *by_class), shuffle=True, random_state=0)
    folds = splitter.split(labels, labels, groups)
    return [fold for fold in folds if all(len(set(labels[rows].tolist())) == 2 for rows in fold)]


def folds_of(labels: Labels, people: list[str]) -> Folds:
    """The rows to fit on and the rows held back, for each fold.

    No person is in two folds, so that a face that is recognised is no cue. Where a class has too few people that
    can't be, and every face counts for itself: better a shortcut too many than one that is not seen.

    Args:
        labels: [n], 0 real and 1 fake, at least two of each.
        people: [n], whose face it is.
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
        folds: of `folds_of`, which takes longer than a fit.
        independent: how many of the reals and of the fakes are, for the interval.
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
    # Averaged over folds: scores of different models are not on one scale.
    return _with_interval(float(np.average(aucs, weights=weights)) if aucs else 0.5, *independent)


def _of_kind(rows: list[Cues], labels: Labels, folds: Folds, independent: tuple[int, int]) -> dict[str, Any]:
    """Each cue of a kind, all of them together, and the cue that carries it."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    cues = {name: separation([values], labels, folds, independent) for name, values in columns.items()}
    best = max(cues, key=lambda name: cues[name]["auc"])  # of equal ones the first, which the others follow from
    together = separation(list(columns.values()), labels, folds, independent)
    return {"cues": cues, "together": together, "carried_by": best}


def audit(sets: list[FaceSet], face_detector: FaceDetector, max_auc: float) -> dict[str, Any]:
    """Look for shortcuts in every pair of a real and a fake set.

    Args:
        sets: all stored sets.
        face_detector: says where the face lies in a stored crop.
        max_auc: a cue of the file separates a pair when the lower limit of its AUC is above this.

    Returns:
        `pairs`: for each `real / fake`, whether it `trains`; of each kind the AUC of each of its `cues`, of all
        `together`, and the one it is `carried_by`; `separated_by`: the cues of the file that are above the limit;
        and `failed`: the training pairs that have any.
    """
    looked = {face_set.name: look_at(face_set, face_detector) for face_set in sets}
    # A hundred small fits: the threads of one wait for each other longer than they work.
    with threadpool_limits(1, "blas"):
        pairs = _pairs(sets, looked, max_auc)
    failed = sorted(name for name, pair in pairs.items() if pair["trains"] and pair["separated_by"])
    return {"pairs": pairs, "failed": failed}


def _pairs(sets: list[FaceSet], looked: dict[str, Looked], max_auc: float) -> dict[str, Any]:
    """What the cues of each pair say; see `audit`."""
    pairs: dict[str, Any] = {}
    for real in (face_set for face_set in sets if face_set.label == 0):
        for fake in (face_set for face_set in sets if face_set.label == 1):
            a, b = looked[real.name], looked[fake.name]
            pictures, people = (len(a.people), len(b.people)), (len(set(a.people)), len(set(b.people)))
            if min(pictures) < 2:
                continue
            labels = np.repeat([0, 1], pictures)
            folds = folds_of(labels, a.people + b.people)
            # The road takes every picture by itself; but ten pictures of one person are not ten independent ones.
            independent = {"file": pictures, "picture": people, "original": people}
            found = {kind: _of_kind(a.cues[kind] + b.cues[kind], labels, folds, independent[kind]) for kind in KINDS}
            of_file = found["file"]
            separated = [name for name, value in of_file["cues"].items() if value["low"] > max_auc]
            if not separated and of_file["together"]["low"] > max_auc:
                separated = [of_file["carried_by"]]
            pairs[f"{real.name} / {fake.name}"] = {
                "trains": real.use == fake.use == "train",
                **found,
                "separated_by": separated,
            }
    return pairs


def as_rows(found: dict[str, Any]) -> list[dict[str, str]]:
    """What `audit` found as rows of a table: pair, kind, cue, auc, low, high, and the cue's likely cause."""
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
