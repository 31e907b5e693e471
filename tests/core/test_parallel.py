"""Processes that train together go on from the same checkpoint, or end with one line."""

import json
from pathlib import Path

from two_processes import results_of_two

CHILD = """
import json, os, sys
from pathlib import Path
import torch
from torch import distributed
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch

rank, folder = int(sys.argv[1]), Path(sys.argv[2])
Scratch(folder / "shared", "net", 1).save({"step": 3})
if rank == 0:
    Scratch(folder / "own 0", "net", 1).save({"step": 3})
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
found = []
for where, key in (("shared", 1), (f"own {rank}", 1), ("new", 2), ("new", rank)):
    try:
        state = Scratch(folder / where, "net", key).load()
        found.append(state["step"] if state else 0)
    except UserError as error:
        found.append(str(error))
torch.save({}, folder / f"{rank}.pt")
(folder / f"{rank}.json").write_text(json.dumps(found))
distributed.destroy_process_group()
"""


def test_processes_that_go_on_from_different_steps_or_settings_are_refused(tmp_path: Path) -> None:
    results_of_two(CHILD, tmp_path, {})
    for rank in (0, 1):
        same, separate, fresh, other = json.loads((tmp_path / f"{rank}.json").read_text())
        assert same == 3
        assert fresh == 0
        for refused in (separate, other):
            assert refused.startswith("the processes of this training differ in code, params, data, threads or check")
