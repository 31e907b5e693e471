"""End a process without Python's own teardown."""

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Call the exit handlers, flush the output, and end the process.

    Python would then free every object and module. That takes 0.7 s after importing torch, and 1.3 to 2 s with timm
    and scikit-learn, when all files have been written.

    Args:
        code: exit code.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
