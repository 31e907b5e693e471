"""Metrics of detectors on the same faces clean and perturbed, at thresholds frozen on clean validation faces.

Each face is decoded once and perturbed once for each level, and all detectors score the result. Memory holds a few
batches, independent of the number of faces.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.draws import unit_interval
from unseen.core.files import atomic_file
from unseen.core.prefetch import prefetch
from unseen.core.progress import progress
from unseen.core.runtime import has_idle_core, prepare
from unseen.core.training_seeds import made_from
from unseen.data.evaluation_sets import Pair
from unseen.data.pictures import Pixels, decode_all
from unseen.data.shards import FaceSet, check_sides, measurable, open_set
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.logits import SCORING_BATCH, logits_of
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.ranking import Ranking
from unseen.evaluation.rates import rate
from unseen.robustness.changes import CHANGES, CLEAN
from unseen.robustness.settings import ChangeLevels

FROM_SHARDS = ["id", "label", "generator", "source", "identity"]
SCHEMA = pa.schema(
    [
        ("detector", pa.string()),
        ("set", pa.string()),
        ("change", pa.string()),
        ("level", pa.float64()),
        ("id", pa.string()),
        ("label", pa.int8()),
        ("generator", pa.string()),
        ("source", pa.string()),
        ("identity", pa.string()),
        ("logit", pa.float64()),
        ("score", pa.float64()),
    ]
)
COUNTED = ["detector", "set", "change", "level", "identity", "logit", "score"]

Row = dict[str, Any]


def chosen(
    face_set: FaceSet, most: int, seed: int, generators: Collection[str] = (), training_seed: int = 0
) -> set[str]:
    """Draw the ids of at most `most` faces that may be evaluated; the draw depends only on the seed and the ids.

    Args:
        face_set: the evaluation set.
        most: number of faces.
        seed: of the draw.
        generators: in the training of the detector; their fakes of other training seeds are left out.
        training_seed: of the detector's network.
    """
    batches = face_set.batches(measurable(face_set), ["id", "generator", "attributes"])
    names = (
        row["id"]
        for batch in batches
        for row in batch.to_pylist()
        if row["generator"] not in generators or made_from(row["attributes"], training_seed)
    )
    return set(heapq.nsmallest(most, names, key=lambda name: unit_interval("robustness", seed, name)))


def _stored(face_set: FaceSet, ids: set[str]) -> Iterator[list[Row]]:
    """Yield the rows of these faces in stored order, in full batches."""
    rows: list[Row] = []
    for batch in face_set.batches(measurable(face_set), ["image", *FROM_SHARDS], 256):
        rows += batch.filter(pa.array([name in ids for name in batch["id"].to_pylist()])).to_pylist()
        while len(rows) >= SCORING_BATCH:
            yield rows[:SCORING_BATCH]
            rows = rows[SCORING_BATCH:]
    if rows:
        yield rows


@dataclass(frozen=True)
class _Batch:
    """Decoded crops uint8 [s, s, 3], of any side, and columns of the same length."""

    pictures: list[Pixels]
    columns: dict[str, list[object]]


def _decoded(rows: list[Row], threads: Executor) -> _Batch:
    pictures = decode_all([row["image"]["bytes"] for row in rows], threads)
    return _Batch(pictures, {name: [row[name] for row in rows] for name in FROM_SHARDS})


def apply_change(pictures: Iterable[Pixels], change: str, level: float, threads: Executor) -> list[Pixels]:
    """Perturb pictures uint8 [h, w, 3] in threads."""
    return list(threads.map(lambda picture: CHANGES[change](picture, level), pictures))


def score_changes(
    detectors: Sequence[TrainedDetector],
    folders: Mapping[str, Path],
    levels: ChangeLevels,
    most: int,
    seed: int,
    output: Path,
) -> None:
    """Write one prediction for each detector, face, change and level, in columns SCHEMA.

    Args:
        detectors: detectors loaded from their artifacts, all trained on the same generators and from the same seed.
        folders: folders of the evaluation sets by name.
        levels: levels of the changes; every face is also scored clean, as change `clean` at level 0.
        most: maximum number of faces of a set.
        seed: seed for drawing the faces.
        output: the Parquet file, with a row group for each batch of faces.
    """
    device = prepare()
    known = detectors[0].generators, detectors[0].training_seed
    models = {one.name: (one.model.to(device), one.calibration) for one in detectors}
    grid = [(CLEAN, 0.0), *levels.grid()]

    def tables(name: str, faces: _Batch) -> Iterator[pa.Table]:
        # threads prepare the next level while the detectors score the current one
        made = prefetch(grid, lambda cell, threads: apply_change(faces.pictures, *cell, threads), has_idle_core())
        for (change, level), pictures in zip(grid, made, strict=True):
            for detector, (model, calibration) in models.items():
                logits = logits_of(model, pictures, device)
                cell = {"detector": detector, "set": name, "change": change, "level": level}
                columns = {key: [value] * len(faces.pictures) for key, value in cell.items()}
                columns |= {**faces.columns, "logit": logits.tolist(), "score": calibration.score(logits).tolist()}
                yield pa.Table.from_pydict(columns, schema=SCHEMA)

    with atomic_file(output) as part, pq.ParquetWriter(part, SCHEMA) as writer:
        for name, folder in folders.items():
            face_set = open_set(folder)
            for detector in detectors:
                check_sides([face_set], detector.faces, f"the detector `{detector.name}`")
            batches = prefetch(_stored(face_set, chosen(face_set, most, seed, *known)), _decoded, has_idle_core())
            for faces in progress(batches, f"robustness on {name}", "batch"):
                writer.write_table(pa.concat_tables(tables(name, faces)).combine_chunks())


def _rate(called: npt.NDArray[np.bool_], people: npt.NDArray[np.int64], how: Resampling) -> dict[str, float]:
    """`rate` of one network."""
    found = rate(called[None], people, [0], how)
    return {key: found[key] for key in ("share", "low", "high", "n")}


def measure_robustness(
    path: Path, thresholds: Mapping[str, float], pairs: Mapping[str, Pair], how: Resampling
) -> list[Row]:
    """Compute metrics of each detector under each change, on each pair of sets, at its frozen threshold.

    Args:
        path: the file from `score_changes`.
        thresholds: thresholds on the score by detector, frozen on clean validation faces.
        pairs: pairs of a set of reals and a set of fakes.
        how: of the bootstrap over people.

    Returns:
        A row for each detector, pair, change and level, the clean one first: `auc`; `balanced_accuracy`; `tpr` and
        `fpr` with 95 % intervals over people and n; and for each class `shift_reals` and `shift_fakes`, the mean
        difference between the logits of perturbed and clean faces.
    """
    names = ["detector", "set", "change"]
    frame = pq.read_table(path, columns=COUNTED, read_dictionary=[*names, "identity"]).to_pandas()
    frame["hit"] = frame["score"] >= frame["detector"].astype(str).map(thresholds)
    frame["person"] = frame["identity"].cat.codes
    grouped = frame.groupby([*names, "level"], observed=True, sort=False)
    means = grouped["logit"].mean().to_dict()
    rates = {cell: _rate(part["hit"].to_numpy(), part["person"].to_numpy(np.int64), how) for cell, part in grouped}
    logits = {cell: part.to_numpy() for cell, part in grouped["logit"]}
    grid = list(dict.fromkeys((change, level) for _, _, change, level in rates))
    rows = []
    for detector in thresholds:
        for name, pair in pairs.items():
            for cell in grid:
                fpr, tpr = (rates[detector, side, *cell] for side in (pair.reals, pair.fakes))
                both = [logits[detector, side, *cell] for side in (pair.reals, pair.fakes)]
                ranking = Ranking(np.repeat([0, 1], [len(side) for side in both]), np.concatenate(both))
                shifts = [
                    float(means[detector, side, *cell] - means[detector, side, CLEAN, 0.0])
                    for side in (pair.reals, pair.fakes)
                ]
                rows.append(
                    {
                        "detector": detector,
                        "pair": name,
                        "change": cell[0],
                        "level": cell[1],
                        "auc": ranking.all_once().auc,
                        "balanced_accuracy": (tpr["share"] + 1 - fpr["share"]) / 2,
                        "tpr": tpr,
                        "fpr": fpr,
                        # both means are over the same faces, so their difference is the mean difference
                        "shift_reals": shifts[0],
                        "shift_fakes": shifts[1],
                    }
                )
    return rows


def as_tree(rows: list[Row]) -> Row:
    """Nest the rows of `measure_robustness` by detector, pair, change and level."""
    tree: Row = {}
    for row in rows:
        *branch, level = (row["detector"], row["pair"], row["change"], f"{row['level']:g}")
        place = tree
        for key in branch:
            place = place.setdefault(key, {})
        place[level] = {
            key: value for key, value in row.items() if key not in ("detector", "pair", "change", "level")
        }
    return tree


def as_table(rows: list[Row]) -> pd.DataFrame:
    """The rows of `measure_robustness` as a flat table without intervals; `reals` and `fakes` are face counts."""
    flat = [
        {
            **row,
            "tpr": row["tpr"]["share"],
            "fpr": row["fpr"]["share"],
            "reals": row["fpr"]["n"],
            "fakes": row["tpr"]["n"],
        }
        for row in rows
    ]
    return pd.DataFrame(flat)
