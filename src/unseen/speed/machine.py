"""The machine that a number was measured on, and the memory that a process took there."""

import os
import platform
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def cpu() -> str:
    """The processor's model, as the system names it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def cores() -> int:
    """The processor's cores, as the system counts them."""
    return os.cpu_count() or 1


def gpu() -> str:
    """The GPU's name; empty where there is none."""
    import torch  # seconds, and not every stage needs it

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _megabytes(maxrss: int) -> float:
    return maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def peak_memory_mb() -> float:
    """Megabytes (10^6 bytes) of memory that this process held at most, since its start or `restart_peak`.

    Linux carries `ru_maxrss` over from the process that started this one; its own account in /proc starts anew.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def children_peak_mb() -> float:
    """The same of the largest process that this one started and saw end."""
    return _megabytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def restart_peak() -> None:
    """From here on `peak_memory_mb` counts anew, where the system can do that (Linux, proc(5): clear_refs)."""
    try:
        CLEAR.write_text("5", encoding="utf-8")
    except OSError:
        return
