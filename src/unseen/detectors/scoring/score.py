"""Score an evaluation set with a detector, a batch at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unseen.core.errors import UserError
from unseen.core.progress import progress
from unseen.core.runtime import prepare
from unseen.data.pictures import stream
from unseen.data.predictions import FROM_SHARDS, write_predictions
from unseen.data.shards import check_sides, measurable, open_set
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.logits import logits_of


def score_set(detector: TrainedDetector, name: str, folder: Path, output: Path) -> int:
    """Write the detector's predictions on an evaluation set, one row per face, and return the number of rows.

    Args:
        detector: loaded from its artifact.
        name: the evaluation set's name.
        folder: the evaluation set's folder.
        output: the Parquet file to write.

    Raises:
        UserError: the crops do not have the size of the detector's training crops, or a score is not finite.
    """
    face_set = open_set(folder)
    check_sides([face_set], detector.faces.side, f"the detector `{detector.name}`")
    device = prepare()
    model = detector.model.to(device)

    def batches() -> Iterator[dict[str, list[object]]]:
        for faces in stream([face_set], measurable(face_set), FROM_SHARDS):
            logits = logits_of(model, faces.pixels, device)
            if not np.isfinite(logits).all():
                raise UserError(f"{detector.folder}: the detector gives scores that are not finite; train it again")
            scores = detector.calibration.score(logits)
            same: dict[str, list[object]] = {"set": [name] * len(faces), "seed": [detector.card["seed"]] * len(faces)}
            yield {**faces.columns, **same, "logit": logits.tolist(), "score": scores.tolist()}

    return write_predictions(output, progress(batches(), f"score {detector.name} on {name}", "batch"))
