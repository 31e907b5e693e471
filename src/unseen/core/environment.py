"""Read and check the environment variables of this project. No other module reads them.

An empty variable counts as not set. An invalid value raises a UserError with the variable, its value and what is
allowed.
"""

import math
import os
import re
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from unseen.core.errors import UserError

if TYPE_CHECKING:
    import psutil

PREFIX = "UNSEEN_"
MOST = 1024
"""Threads or processes at most: a larger number is a typing error."""

UNITS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[hms])+")


def _refuse(name: str, value: str, allowed: str) -> UserError:
    return UserError(f"the environment variable {name} is {value!r}; give {allowed}")


def _count(name: str) -> int | None:
    value = os.environ.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and 1 <= int(value) <= MOST):
        raise _refuse(name, value, f"a whole number from 1 to {MOST}")
    return int(value)


def _seconds(name: str) -> float | None:
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if DURATION.fullmatch(value):
        return sum(float(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"[\d.]+[hms]", value))
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise _refuse(name, value, "seconds, or hours, minutes and seconds such as 9h, 30m or 1h30m")
    return seconds


def threads(default: int) -> int:
    """`UNSEEN_THREADS`: CPU threads of the network."""
    return _count("UNSEEN_THREADS") or default


def workers() -> int | None:
    """`UNSEEN_WORKERS`: threads or processes that decode pictures; None means one for each core."""
    return _count("UNSEEN_WORKERS")


def processes() -> int | None:
    """`UNSEEN_PROCESSES`: processes of a distributed training; None means one for each GPU."""
    return _count("UNSEEN_PROCESSES")


def requested_device() -> str | None:
    """`UNSEEN_DEVICE`: PyTorch's name of a device; None means the default. Does not check that the device exists."""
    name = os.environ.get("UNSEEN_DEVICE", "")
    if not name:
        return None
    if not re.fullmatch(r"cpu|(cuda|mps|xpu)(:\d{1,3})?", name):
        raise _refuse("UNSEEN_DEVICE", name, "cpu, cuda, cuda:1, mps or xpu")
    return name


def _switch(name: str, default: bool) -> bool:
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise _refuse(name, value, "1 or 0")
    return value == "1" if value else default


def deterministic() -> bool:
    """`UNSEEN_DETERMINISTIC`: whether a GPU uses deterministic algorithms."""
    return _switch("UNSEEN_DETERMINISTIC", False)


def memory_tuning() -> bool:
    """`UNSEEN_MEMORY_TUNING`: whether glibc, PyTorch and Python handle memory in the faster way that was measured."""
    return _switch("UNSEEN_MEMORY_TUNING", True)


def avx512() -> bool:
    """`UNSEEN_AVX512`: whether stages use AVX-512 where the processor has it."""
    return _switch("UNSEEN_AVX512", False)


def checkpoint_seconds() -> float:
    """`UNSEEN_CHECKPOINT_SECONDS`: the minimum time between two checkpoints, in seconds."""
    found = _seconds("UNSEEN_CHECKPOINT_SECONDS")
    return 15.0 if found is None else found


def seconds_left() -> float:
    """Seconds until `UNSEEN_STOP_AFTER`, which counts from the start of the run; infinite if it is not set."""
    allowed = _seconds("UNSEEN_STOP_AFTER")
    return math.inf if allowed is None else allowed - (time.time() - run_started())


def run_started() -> float:
    """When this run began, in seconds since 1970.

    The run is the outermost `dvc` process that is a parent of this one, because a host's time limit applies to all of
    `dvc repro`. Without such a parent, the run is this process.
    """
    import psutil  # only needed if a time limit is set

    this = psutil.Process()
    above = [process for process in this.parents() if _is_dvc(process)]
    return float((above or [this])[-1].create_time())


def _is_dvc(process: "psutil.Process") -> bool:
    import psutil

    try:
        command = process.cmdline()
    except psutil.Error:
        return False  # another user's process, or one that has just ended
    # `dvc repro`, `python /usr/bin/dvc repro`, `python -m dvc repro`
    return any(re.split(r"[/\\]", part)[-1].removesuffix(".exe") == "dvc" for part in command[:3])


READERS: dict[str, Callable[[], object]] = {
    "UNSEEN_DEVICE": requested_device,
    "UNSEEN_THREADS": lambda: threads(1),
    "UNSEEN_WORKERS": workers,
    "UNSEEN_PROCESSES": processes,
    "UNSEEN_DETERMINISTIC": deterministic,
    "UNSEEN_MEMORY_TUNING": memory_tuning,
    "UNSEEN_AVX512": avx512,
    "UNSEEN_CHECKPOINT_SECONDS": checkpoint_seconds,
    "UNSEEN_STOP_AFTER": lambda: _seconds("UNSEEN_STOP_AFTER"),
}


OF_SCORING = ("UNSEEN_DEVICE", "UNSEEN_THREADS", "UNSEEN_WORKERS", "UNSEEN_MEMORY_TUNING")
"""The variables that `unseen predict` and `unseen score` use."""


def variable_problems(names: Collection[str] = READERS) -> list[str]:
    """A line for each variable that is unknown, or is one of `names` and has an invalid value."""
    problems = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in READERS:
            from unseen.core.settings import did_you_mean

            problems.append(f"the environment variable {name} is not known; {did_you_mean(name, list(READERS))}")
    for name in names:
        try:
            READERS[name]()
        except UserError as error:
            problems.append(str(error))
    return problems


def check_variables(names: Collection[str] = READERS) -> None:
    """Check variables, so that an invalid one ends a run at its start.

    Args:
        names: those that are used; the others may have any value. Unknown variables are refused in any case.

    Raises:
        UserError: names the first variable that is invalid or unknown, and how many more there are.
    """
    if problems := variable_problems(names):
        more = f" (and {len(problems) - 1} more variables)" if len(problems) > 1 else ""
        raise UserError(problems[0] + more)
