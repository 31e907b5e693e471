"""Look for cues that tell the classes apart; fails the run where a training pair differs in its files."""

import csv
from pathlib import Path

import _stage

from unseen.errors import UserError
from unseen.evaluation.cues import CAUSES
from unseen.evaluation.settings import AuditSettings
from unseen.evaluation.shortcuts import as_rows, audit
from unseen.faces.finder import Finder, with_dynamic_input
from unseen.faces.settings import FindSettings
from unseen.files import whole_file, write_metrics
from unseen.settings import read_block
from unseen.shards import all_sets


def main() -> None:
    settings = read_block(_stage.PARAMS, ["audit"], AuditSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    finder = Finder(with_dynamic_input(model), read_block(_stage.PARAMS, ["faces", "find"], FindSettings))
    found = audit(all_sets(Path("data/sets")), finder, settings.max_auc)
    write_metrics(Path("metrics/audit.json"), found)
    with whole_file(Path("metrics/audit.csv")) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["pair", "kind", "cue", "auc", "low", "high", "cause"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(as_rows(found))
    for pair in found["failed"]:
        cues = found["pairs"][pair]["separated_by"]
        raise UserError(
            f"{pair}: the stored files differ in {', '.join(cues)} ({CAUSES[cues[0]]}), so a detector could "
            "learn that instead of fakes; both classes must take the same road (see metrics/audit.json)"
        )


if __name__ == "__main__":
    _stage.run(main)
