"""Measure a gate on clean and changed faces: how often it abstains, and how FPR and TPR change.

The faces, changes and scores come from the stage `robustness`. The changes are applied again, because the changed
pixels are not stored.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from unseen.data.pictures import Pixels, decode_crop
from unseen.data.shards import FaceSet, measurable
from unseen.gate.limits import DEGRADED, PROFILE, SMALL_FACE, Limits, Reason, Statistics, pose_of
from unseen.gate.statistics import quality_of
from unseen.robustness.changes import CHANGES

SCORED = ["set", "change", "level", "id", "label", "score"]
REASONS: tuple[Reason, ...] = (SMALL_FACE, DEGRADED, PROFILE)

COLUMNS = ["set", "class", "change", "level", "faces", "abstained", *REASONS, "rate", "rate_with_gate"]

Pose = tuple[float | None, float | None]


def _faces(face_set: FaceSet, ids: set[str], scale: float) -> Iterator[tuple[str, Pixels, Pose]]:
    """Yield id, pixels and pose of the faces of a set whose ids are given."""
    for batch in face_set.batches(measurable(face_set), ["id", "image", "landmarks"], 256):
        for row in batch.to_pylist():
            if row["id"] in ids:
                yield row["id"], decode_crop(row["image"]["bytes"]), pose_of(row["landmarks"], scale)


def _share(values: "pd.Series[bool] | npt.NDArray[np.bool_]") -> float:
    return float(np.mean(np.asarray(values, np.float64)))


def measure_gate(
    predictions: Path, sets: Mapping[str, FaceSet], limits: Limits, scale: float, threshold: float
) -> pd.DataFrame:
    """Apply a gate to the faces that `robustness` scored.

    Args:
        predictions: the file that `unseen.robustness.robustness.score_changes` wrote for one detector.
        sets: the evaluation sets by name.
        limits: the limits of the detector.
        scale: `FaceSettings.scale`.
        threshold: threshold on the score, frozen on validation faces.

    Returns:
        A row for each set, change and level, with `class` (`real` or `fake`), the number of `faces`, and these shares
        of the faces: `abstained`; `small_face`, `degraded` and `profile`, which overlap; `rate`, the faces at or
        above the threshold, that is, the FPR of reals and the TPR of fakes; and `rate_with_gate`, the faces at or
        above the threshold that the gate does not make unsure.
    """
    frame = pq.read_table(predictions, columns=SCORED).to_pandas()
    rows: list[dict[str, Any]] = []
    for name, of in frame.groupby("set", sort=False):
        cells = list(dict.fromkeys(zip(of["change"], of["level"], strict=True)))
        reasons: dict[tuple[str, float, str], list[Reason]] = {}
        for identifier, pixels, pose in _faces(sets[str(name)], set(of["id"]), scale):
            for change, level in cells:
                found = Statistics(quality_of(CHANGES[change](pixels, level)), *pose)
                reasons[change, level, identifier] = limits.reasons(found)
        for (change, level), part in of.groupby(["change", "level"], sort=False):
            why = [reasons[change, level, identifier] for identifier in part["id"]]
            outside = np.asarray([bool(one) for one in why])
            called = part["score"].to_numpy() >= threshold
            shares: dict[str, float] = {
                reason: _share(np.asarray([reason in one for one in why])) for reason in REASONS
            }
            rows.append(
                {
                    "set": name,
                    "class": "fake" if part["label"].iloc[0] else "real",
                    "change": change,
                    "level": level,
                    "faces": len(part),
                    "abstained": _share(outside),
                    **shares,
                    "rate": _share(called),
                    "rate_with_gate": _share(called & ~outside),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)
