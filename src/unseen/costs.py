"""What a stage cost: time, memory, the machine, and the commit that ran.

A cost is the only output of most stages that differs from run to run, so nothing but the report may depend on one.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from unseen.core.files import write_metrics
from unseen.speed.machine import children_peak_mb, cores, cpu, peak_memory_mb

DECIDING = ("src", "stages", "params.yaml", "dvc.yaml")
"""What decides a result besides data: a run itself changes dvc.lock and metrics."""


def _git(*command: str) -> str | None:
    """What git says; None where it says nothing: no git, or no checkout."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, encoding="utf-8", errors="replace", check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def state_of_code() -> tuple[str, bool]:
    """The commit of the checkout, empty where there is none, and whether code or params differ from it."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return "", True
    return commit, bool(_git("status", "--porcelain", "--", *DECIDING))


def device_used() -> str:
    """The GPU's name where this process has used it, else `cpu`."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch and torch.cuda.is_initialized() else "cpu"


class Cost:
    """The cost of this process, from its start on.

    The seconds are those of the run that finished: of one that was killed and went on, the last part. Of several
    processes that train together the first one's CPU time and memory count. Processes that were started and have
    ended are in the CPU time; memory is that of the largest single process.
    """

    def __init__(self, started: float) -> None:
        """`started` is what `time.monotonic` said at the start."""
        self._started = started
        self._children_mb = children_peak_mb()
        self.commit, self.changed = state_of_code()

    def write(self, folder: Path, stage: str, items: list[str]) -> None:
        """Write what it cost until now as `folder/stage/item.json`, whole."""
        children_mb = children_peak_mb()
        if children_mb <= self._children_mb:
            children_mb = 0.0  # the largest was one before: the check of params, which is no part of the work
        times = os.times()
        write_metrics(
            folder.joinpath(stage, *items).with_suffix(".json"),
            {
                "stage": stage,
                "item": "/".join(items),
                "seconds": time.monotonic() - self._started,
                "cpu_seconds": times.user + times.system + times.children_user + times.children_system,
                "peak_memory_mb": max(peak_memory_mb(), children_mb),
                "device": device_used(),
                "machine": f"{cpu()}, {cores()} cores",
                "commit": self.commit,
                "changed": self.changed,
            },
        )
