"""`unseen predict` with output files: rows go to a checkpoint that a later run can resume, then all files are
written."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from unseen.commands.predict_summary import Summary
from unseen.core.json_files import write_json
from unseen.serve.api import Detector
from unseen.serve.gallery import Gallery
from unseen.serve.outputs import output_rows, writers_of
from unseen.serve.predict import predict_groups
from unseen.serve.prediction_checkpoint import PredictionCheckpoint
from unseen.serve.sidecar import sidecar


def checkpoint_of(outputs: dict[str, Path], detector: Detector, resume: bool) -> PredictionCheckpoint:
    """Open the checkpoint of a run, beside its first output."""
    first = next(iter(outputs.values()))
    calibration = detector.loaded.calibration
    facts = {
        "network": type(detector.loaded.network).__name__,
        "card": detector.card["sha256"],
        "operating_point": [calibration.threshold, *calibration.unsure, calibration.temperature],
        "gate": gate.as_dict() if (gate := detector.loaded.gate) else None,
    }
    return PredictionCheckpoint(first.with_name(f"{first.name}.part"), facts, resume)


def score_files(paths: Iterable[str], detector: Detector, checkpoint: PredictionCheckpoint) -> int:
    """Score the paths that are not in the checkpoint yet, and return the number of their faces."""
    faces = 0
    for group in predict_groups(checkpoint.unknown(paths), detector.loaded):
        checkpoint.add((one.name, output_rows(one)) for one in group)
        faces += sum(map(len, group))
    return faces


def write_files(
    outputs: dict[str, Path], detector: Detector, checkpoint: PredictionCheckpoint, skipped: list[str]
) -> Summary:
    """Write all outputs in one pass over the checkpoint, and delete it."""
    scope, summary = detector.scope.as_dict(), Summary()
    gallery = Gallery() if "gallery" in outputs else None
    with ExitStack() as opened:
        files = {name: outputs.get(name) for name in ("csv", "parquet", "jsonl")}
        writers = [opened.enter_context(writer) for writer in writers_of(scope, **files)]
        for rows in checkpoint.rows():
            summary.add(rows)
            for write in writers:
                write(rows)
            if gallery:
                gallery.add(rows)
    if "csv" in outputs:
        counts = {"pictures": summary.pictures, "faces": summary.faces, "without_a_score": dict(summary.without)}
        write_json(sidecar(outputs["csv"]), {**scope, **counts})
    if gallery:
        gallery.write(outputs["gallery"], detector, skipped)
    checkpoint.remove()
    return summary
