"""Look for cues that separate the classes. Fails if the stored files of a training pair differ."""

import csv
from pathlib import Path

import _stage

from unseen.audit.cues import CAUSES
from unseen.audit.settings import AuditSettings
from unseen.audit.shortcuts import as_rows, audit
from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.core.settings import read_block
from unseen.data.shards import all_sets
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings


def main() -> None:
    settings = read_block(_stage.PARAMS, ["audit"], AuditSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    face_detector = FaceDetector(with_dynamic_input(model), faces.detect)
    found = audit(all_sets(Path("data/sets")), face_detector, settings.max_auc, settings.allow)
    write_metrics(Path("metrics/audit.json"), found)
    with atomic_file(Path("metrics/audit.csv")) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["pair", "kind", "cue", "auc", "low", "high", "cause"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(as_rows(found))
    for pair in found["failed"]:
        cues = found["pairs"][pair]["separated_by"]
        raise UserError(
            f"{pair}: the stored files differ in {', '.join(cues)} ({CAUSES[cues[0]]}), so a detector could "
            "learn that instead of fakes; both classes need the same preprocessing (see metrics/audit.json)"
        )


if __name__ == "__main__":
    _stage.run(main)
