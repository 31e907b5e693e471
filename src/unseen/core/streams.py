"""Standard output and standard error: any text can be printed, and a stream that takes no more is one line."""

import io
import os
import sys


def open_up() -> None:
    """Let text that the terminal's encoding does not know be printed with escapes instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def close_off() -> None:
    """Send what is still to be printed nowhere. Without this Python tries again at its end, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:
            continue  # it is closed


def report(text: str) -> None:
    """Print a line on standard error; where that is not possible, nobody can be told."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        close_off()
