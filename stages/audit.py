"""Look for file properties that tell the classes apart; fails the run where a training pair has one."""

from pathlib import Path

import _stage

from unseen.errors import UserError
from unseen.evaluation.settings import AuditSettings
from unseen.evaluation.shortcuts import audit
from unseen.files import write_metrics
from unseen.settings import read_block
from unseen.shards import sets_below


def main() -> None:
    settings = read_block(_stage.PARAMS, ["audit"], AuditSettings)
    found = audit(sets_below(Path("data/faces")) + sets_below(Path("data/fakes")), settings.max_auc)
    write_metrics(Path("metrics/audit.json"), found)
    for pair in found["failed"]:
        cues = ", ".join(found["pairs"][pair]["separated_by"])
        raise UserError(
            f"{pair}: the stored files differ in {cues}, so a detector could learn that instead of fakes; "
            "both classes must take the same road (see metrics/audit.json)"
        )


if __name__ == "__main__":
    _stage.run(main)
