"""Hardware of this machine, and peak memory of this process."""

import os
import platform
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def cpu() -> str:
    """The processor's model name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def cores() -> int:
    """The number of logical cores."""
    return os.cpu_count() or 1


def gpu() -> str:
    """The GPU's name; empty if there is none."""
    import torch  # importing it takes seconds, and not every stage needs it

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _megabytes(maxrss: int) -> float:
    return maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def peak_memory_mb() -> float:
    """Peak memory of this process since its start or `restart_peak`, in megabytes (10^6 bytes).

    On Linux /proc is used, since `ru_maxrss` includes the peak of the parent process.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def children_peak_mb() -> float:
    """Peak memory of the largest child process that has ended, in megabytes (10^6 bytes)."""
    return _megabytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def restart_peak() -> None:
    """Reset `peak_memory_mb` if the system supports it (Linux, proc(5): clear_refs)."""
    try:
        CLEAR.write_text("5", encoding="utf-8")
    except OSError:
        return
