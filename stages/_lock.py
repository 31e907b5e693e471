"""One process at a time for each stage, also if DVC was killed alone and its stage goes on.

DVC's own lock names the process of DVC. If only that is killed, for instance for its memory, the next `dvc repro`
starts the stage a second time beside the first. Both would write the same checkpoint.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WAIT_S = 5.0
"""For a process that is about to end."""

_held: list[IO[bytes]] = []  # until this process ends, however it ends


def other_process(folder: Path, title: str) -> str:
    """Lock a stage for this process.

    Args:
        folder: has a file for each stage.
        title: name and items of the stage.

    Returns:
        The id of another process that has the lock; empty if this process has it, or if there are no locks here.
    """
    if fcntl is None:
        return ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / title.replace("/", "_")).open("a+b", buffering=0)
    except OSError:  # the stage will say why it can't write
        return ""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                file.seek(0)
                return file.read().decode() or "unknown"
            time.sleep(0.1)
        except OSError:  # a file system without locks
            return ""
    with suppress(OSError):  # a full disk
        file.truncate(0)
        file.write(str(os.getpid()).encode())
    _held.append(file)
    return ""
