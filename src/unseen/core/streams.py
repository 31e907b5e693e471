"""Standard output and standard error: characters that can't be encoded, and streams that can't be written."""

import io
import os
import sys


def escape_unencodable() -> None:
    """Escape characters that the terminal's encoding does not have, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
