"""The costs of a stage: time, memory, machine and commit.

Costs differ from run to run, so only the report may depend on them.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from unseen.core.json_files import write_metrics
from unseen.speed.machine import children_peak_mb, cores, cpu, peak_memory_mb

DECIDING = ("src", "stages", "params.yaml", "dvc.yaml")
"""Files that determine results, besides data. A run changes other files, such as dvc.lock and metrics."""


def _git(*command: str) -> str | None:
    """The output of git; None without git or outside of a checkout."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, encoding="utf-8", errors="replace", check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def state_of_code() -> tuple[str, bool]:
    """The commit of the checkout (empty if there is none), and whether code or params differ from it."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return "", True
    return commit, bool(_git("status", "--porcelain", "--", *DECIDING))


def device_used() -> str:
    """The GPU's name if this process has used it, else `cpu`."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch and torch.cuda.is_initialized() else "cpu"


class Cost:
    """The costs of this process and its child processes.

    After a resume, the costs are those of the last run. In distributed training, they are those of process 0. CPU
    time includes child processes that have ended; memory is that of the largest single process.
    """

    def __init__(self, started: float) -> None:
        """`started` is `time.monotonic()` at the start."""
        self._started = started
        self._children_mb = children_peak_mb()
        self.commit, self.changed = state_of_code()

    def write(self, folder: Path, stage: str, items: list[str]) -> None:
        """Write the costs so far to `folder/stage/item.json`, atomically."""
        children_mb = children_peak_mb()
        if children_mb <= self._children_mb:
            children_mb = 0.0  # the largest child was the check of params, which is not part of the work
        times = os.times()
        path = folder.joinpath(stage, *items)
        write_metrics(
            path.with_name(f"{path.name}.json"),  # a generator's name may have a dot
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
