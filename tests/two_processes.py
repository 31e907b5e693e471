"""Run a piece of code in two processes that train together, as `torchrun` would start it on two GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from conftest import ROOT


def results_of_two(code: str, folder: Path, knobs: dict[str, Any]) -> list[Any]:
    """What each process left as RANK.pt; the code gets its rank, the folder and the knobs as arguments."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        "UNSEEN_DEVICE": "cpu",
        "UNSEEN_THREADS": "1",
        "UNSEEN_CHECKPOINT_SECONDS": "0",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(rank), str(folder), json.dumps(knobs)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    printed = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(printed)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
