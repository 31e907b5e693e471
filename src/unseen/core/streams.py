"""Standard output and standard error: characters that can't be encoded, and streams that can't be written."""

import io
import os
import sys


def escape_unencodable() -> None:
    """Escape characters that the terminal's encoding does not have, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def replace_closed() -> bool:
    """Connect closed streams to the null device, and return whether standard output was closed.

    Otherwise a file that is opened later would take the stream's number, and Python would print on standard output
    what is meant for standard error.
    """
    closed = sys.stdout is None
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    return closed


def discard_output() -> None:
    """Discard buffered output that can't be written. Otherwise Python tries again at exit and prints an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:
            continue  # closed


def report(text: str) -> None:
    """Print a line on standard error, if that is possible."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        discard_output()
