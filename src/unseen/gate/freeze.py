"""Freeze the limits of face statistics on validation faces, like a threshold.

A limit excludes at most a share `SHARE` of the validation faces of each class. Limits from real faces alone would
exclude the fakes of generators with smooth pictures, and a detector could not detect them.
"""

import math
from collections.abc import Sequence

import numpy as np

from unseen.core.errors import UserError
from unseen.data.pictures import decode_crop
from unseen.data.shards import FaceSet
from unseen.faces.settings import FaceSettings
from unseen.gate.limits import SHARE, Limits, Statistics, pose_of
from unseen.gate.statistics import quality_of


def statistics_of(crop: bytes, landmarks: Sequence[float] | None, scale: float) -> Statistics:
    """Compute the statistics of a stored face from its encoded crop and the x and y of its five landmarks."""
    return Statistics(quality_of(decode_crop(crop)), *pose_of(landmarks, scale))


def _limit(by_class: Sequence[list[float]], lowest: bool) -> float:
    """Return the limit that excludes at most `SHARE` of each class.

    Raises:
        UserError: no face has this statistic.
    """
    found = []
    for values in by_class:
        if values:
            ordered = sorted(values, reverse=not lowest)
            found.append(ordered[math.floor(SHARE * len(ordered))])
    if not found:
        raise UserError("no validation face has landmarks; run the stage `faces` again with `dvc repro`")
    return min(found) if lowest else max(found)


def frozen(reals: Sequence[Statistics], fakes: Sequence[Statistics]) -> Limits:
    """Freeze the limits on the statistics of validation faces.

    Raises:
        UserError: a class has no faces.
    """
    if not reals or not fakes:
        raise UserError(f"{len(reals)} real and {len(fakes)} fake validation faces; the gate needs both")
    both = (reals, fakes)
    limits = Limits(
        sharpness=_limit([[one.quality.sharpness for one in side] for side in both], lowest=True),
        blockiness=_limit([[one.quality.blockiness for one in side] for side in both], lowest=False),
        side=_limit([[one.side for one in side if one.side is not None] for side in both], lowest=True),
        turn=_limit([[one.turn for one in side if one.turn is not None] for side in both], lowest=False),
        faces={"reals": len(reals), "fakes": len(fakes)},
        outside={},
    )
    shares = {
        name: round(float(np.mean([bool(limits.reasons(one)) for one in side])), 6)
        for name, side in zip(("reals", "fakes"), both, strict=True)
    }
    return Limits(**{**vars(limits), "outside": shares})


def freeze(sets: Sequence[FaceSet], faces: FaceSettings) -> Limits:
    """Freeze the limits on the validation faces of sets.

    Args:
        sets: of reals and of fakes, from `sets_for_fitting`, so that none is held out.
        faces: settings of the crops.

    Raises:
        UserError: a class has no validation faces.
    """
    found: tuple[list[Statistics], list[Statistics]] = ([], [])
    for face_set in sets:
        for batch in face_set.batches(["val"], ["image", "landmarks", "label"]):
            for row in batch.to_pylist():
                statistics = statistics_of(row["image"]["bytes"], row["landmarks"], faces.scale)
                found[row["label"]].append(statistics)
    return frozen(*found)
