"""Write the main metrics of all detectors to one file, for `dvc metrics diff` and `dvc exp show`."""

import json
from pathlib import Path
from typing import Any

import _stage

from unseen.core.files import atomic_file
from unseen.core.json_files import read_json
from unseen.core.settings import Name, read_block
from unseen.report.summary import summary


def main() -> None:
    blocks = [read_block(_stage.PARAMS, [key], dict[Name, Any]) for key in ("detectors", "ensembles")]
    names = sorted(name for block in blocks for name in block)
    found = summary({name: read_json(Path("metrics/detectors", f"{name}.json")) for name in names})
    with atomic_file(Path("metrics/summary.json")) as part:  # keys in this order: the worst pair first
        part.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _stage.run(main)
