"""Selects decisions of a detector and measures the share of their heat that is on the face.

An outcome combines the label and the decision at the frozen threshold: a fake is a `true_positive` or a
`false_negative`, a real face a `true_negative` or a `false_positive`. Decisions are grouped by generator for fakes
and by source for reals.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.core.draws import unit_interval
from unseen.core.training_seeds import made_from
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.predictions import read_predictions
from unseen.data.sample import evenly
from unseen.data.shards import open_set
from unseen.detectors.shared.views import View
from unseen.evaluation.bootstrap import bounded
from unseen.explanations.face_area import Ellipse, ellipse_in_crop, within
from unseen.explanations.heat import Heat
from unseen.faces.crop import Framing
from unseen.faces.settings import FaceSettings

OUTCOMES = {
    "true_positive": (1, True),
    "false_negative": (1, False),
    "true_negative": (0, False),
    "false_positive": (0, True),
}
"""Label, and whether the decision was "fake"."""

WRONG = {"fake": ("false_negative", "true_positive"), "real": ("false_positive", "true_negative")}
"""The wrong and the right outcome of each class."""

RESAMPLES = 1000

Array = npt.NDArray[np.float64]


def decisions(
    folder: Path, sets: Iterable[str], threshold: float, training_seed: int, generators: Collection[str] = ()
) -> pd.DataFrame:
    """All decisions of one network of a detector, each face once.

    Columns: id, set, group, label, identity, logit, score, fake, outcome.

    Args:
        folder: folder with one Parquet file of predictions for each evaluation set.
        sets: names of the evaluation sets.
        threshold: frozen threshold on the score.
        training_seed: of the network.
        generators: in the training of the detector; their fakes of other training seeds are left out.
    """
    frames = [read_predictions(folder / f"{name}.parquet").assign(set=name) for name in sets]
    every = pd.concat(frames, ignore_index=True)
    own = [made_from(pairs, training_seed) for pairs in every["attributes"]]
    chosen = (every["seed"] == training_seed) & (~every["generator"].isin(list(generators)) | np.array(own, bool))
    both = every[chosen].drop_duplicates("id", ignore_index=True)
    both["group"] = both["generator"].where(both["label"] == 1, both["source"])
    both["fake"] = both["score"] >= threshold
    names = {found: name for name, found in OUTCOMES.items()}
    both["outcome"] = [names[one] for one in zip(both["label"].astype(int), both["fake"].astype(bool), strict=True)]
    return both[["id", "set", "group", "label", "identity", "logit", "score", "fake", "outcome"]]


def outcome_groups(frame: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Each group's name, class and two outcomes, the correct one first; reals before fakes."""
    found = sorted({(int(label), str(group)) for label, group in zip(frame["label"], frame["group"], strict=True)})
    classes = [(name, "fake" if label else "real") for label, name in found]
    return [(name, kind, list(reversed(WRONG[kind]))) for name, kind in classes]


def _of(frame: pd.DataFrame, group: str, outcome: str) -> pd.DataFrame:
    return frame[(frame["group"] == group) & (frame["outcome"] == outcome)]


def most_confident(frame: pd.DataFrame, group: str, outcome: str, count: int) -> pd.DataFrame:
    """The `count` most confident decisions of an outcome, the most confident first; ties are sorted by id.

    Confidence is measured by logits, since scores saturate.
    """
    ordered = _of(frame, group, outcome).sort_values("id")
    return ordered.sort_values("logit", ascending=not OUTCOMES[outcome][1], kind="stable").head(count)


def select_decisions(frame: pd.DataFrame, shown: int, measured: int) -> tuple[list[str], list[str]]:
    """The ids of the decisions in the panels, and of those whose heat is measured."""
    show: list[str] = []
    measure: list[str] = []
    for group, _, outcomes in outcome_groups(frame):
        for outcome in outcomes:
            show += most_confident(frame, group, outcome, shown)["id"].tolist()
            measure += evenly(_of(frame, group, outcome)["id"], measured)
    return show, measure


@dataclass(frozen=True)
class CropWithFace:
    """A stored crop, as the detector sees it, and the position of its face."""

    pixels: Pixels
    face: Ellipse


def crops_of(
    ids: Sequence[str], root: Path, sets: dict[str, Framing], settings: FaceSettings, view: View
) -> dict[str, CropWithFace]:
    """Load stored crops by id, as a detector sees them.

    Args:
        ids: ids of the faces.
        root: folder of the evaluation sets.
        sets: framing of each evaluation set.
        settings: of preprocessing.
        view: the detector's; of several views the first.
    """
    wanted, found = set(ids), {}
    columns = ["id", "image", "box", "landmarks", "width", "height"]
    for name, framing in sets.items():
        for batch in open_set(root / name).batches(["train", "val", "test"], columns):
            rows = batch.filter(np.isin(batch["id"].to_pylist(), list(wanted))) if wanted else batch.slice(0, 0)
            for row in rows.to_pylist():
                pixels = decode_crop(row["image"]["bytes"])
                picture = (row["width"], row["height"])
                face = ellipse_in_crop(row["box"], row["landmarks"], picture, framing, settings, len(pixels))
                zoom, right, down = view.place(pixels)
                x, y, half_width, half_height = face
                face = (x * zoom + right, y * zoom + down, half_width * zoom, half_height * zoom)
                found[row["id"]] = CropWithFace(view.first(pixels), face)
    return found


def shares_inside(heats: Heat, faces: Sequence[Ellipse]) -> tuple[Array, Array]:
    """The share of each heatmap [n, s, s] inside its face, NaN without heat, and the share of the area inside it."""
    size = heats.shape[1]
    masks = np.stack([within(face, size) for face in faces])
    total = heats.sum((1, 2), dtype=np.float64)
    inside = (heats * masks).sum((1, 2), dtype=np.float64)
    share = np.divide(inside, total, out=np.full(len(heats), np.nan), where=total > 0)
    return share, masks.mean((1, 2))


def _means(values: Array, people: Sequence[str], seed: int, part: str) -> tuple[float, Array]:
    """The mean, and its bootstrap resamples over people."""
    codes, names = pd.factorize(np.asarray(people, object))
    sums, counts = np.bincount(codes, values), np.bincount(codes)
    random = np.random.default_rng(int(unit_interval("heat", part, seed) * 2**53))
    drawn = random.integers(len(names), size=(RESAMPLES, len(names)))
    return float(values.mean()), sums[drawn].sum(1) / counts[drawn].sum(1)


def _people(rows: pd.DataFrame) -> int:
    return int(rows["identity"].nunique())


def _summary(measured: pd.DataFrame, seed: int) -> dict[str, Any]:
    """The heat shares of one outcome; see `heat_shares`."""
    warm = measured[measured["inside"].notna()]
    found: dict[str, Any] = {"n": len(warm), "without_heat": len(measured) - len(warm)}
    if not len(warm):
        return found
    people, n = warm["identity"].tolist(), _people(warm)
    inside, area = warm["inside"].to_numpy(float), warm["area"].to_numpy(float)
    share, shares = _means(inside, people, seed, "share")
    beyond, beyonds = _means(inside - area, people, seed, "beyond")
    return found | {
        "people": n,
        "heat_inside": {"value": share, **bounded(shares, n)},
        "area_inside": float(area.mean()),
        "heat_beyond_area": {"value": beyond, **bounded(beyonds, n, least=-1.0)},
    }


def _wrong_less_right(measured: pd.DataFrame, seed: int) -> dict[str, Any]:
    """By class, `heat_beyond_area` of wrong decisions minus that of correct ones. It is negative if wrong decisions
    depend more on the background, and None if either kind is missing."""
    found: dict[str, Any] = {}
    warm = measured[measured["inside"].notna()]
    for kind, outcomes in WRONG.items():
        sides, people = [], []
        for outcome in outcomes:
            rows = warm[warm["outcome"] == outcome]
            if len(rows):
                beyond = (rows["inside"] - rows["area"]).to_numpy(float)
                sides.append(_means(beyond, rows["identity"].tolist(), seed, outcome))
                people.append(_people(rows))
        if len(sides) == 2:
            (wrong, wrong_means), (right, right_means) = sides
            around = bounded(wrong_means - right_means, min(people), least=-2.0, most=2.0)
            found[kind] = {"value": wrong - right, **around}
        else:
            found[kind] = None
    return found


def heat_shares(frame: pd.DataFrame, measured: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compute the share of heat on the face by outcome, overall and by group.

    Args:
        frame: from `decisions`.
        measured: the measured decisions, with columns `inside` and `area` from `shares_inside`.
        seed: seed of the intervals.

    Returns:
        `outcomes` and, by group, `groups`: for each outcome `n`, the number measured; `without_heat`, the number
        excluded; `people`; `heat_inside` and `heat_beyond_area` (mean and 95 % interval over people); `area_inside`
        (mean); and in groups `decisions`, the number of all decisions. `wrong_less_right`: the difference in
        `heat_beyond_area` between wrong and correct decisions, by class.
    """
    overall = {name: _summary(measured[measured["outcome"] == name], seed) for name in OUTCOMES}
    groups: dict[str, Any] = {}
    for name, kind, outcomes in outcome_groups(frame):
        here = measured[measured["group"] == name]
        groups[name] = {"label": kind, "wrong_less_right": _wrong_less_right(here, seed)[kind]} | {
            outcome: {"decisions": len(_of(frame, name, outcome)), **_summary(_of(here, name, outcome), seed)}
            for outcome in outcomes
        }
    return {"outcomes": overall, "groups": groups, "wrong_less_right": _wrong_less_right(measured, seed)}
