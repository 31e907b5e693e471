"""The command `unseen`. Its subcommands are in `unseen.commands`.

Modules that are slow to import are imported only when needed, so `--help`, `check` and `sources` are fast.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NoReturn

from unseen.commands import (
    accept,
    bulk,
    check,
    compare,
    doctor,
    evaluate,
    export,
    portrait,
    predict,
    results,
    score,
    serve,
    sources,
    verify,
)
from unseen.core import streams
from unseen.core.errors import UserError, printable
from unseen.core.files import FULL
from unseen.core.leaving import leave
from unseen.core.shortages import shortage_of

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Version(argparse.Action):
    """`--version`. Reads the version of the installed package only if the option is given."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(f"unseen {version('unseen')}")
        except PackageNotFoundError:
            print("unseen, from a checkout, not installed")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """A parser that escapes control characters of arguments in its messages."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        """Print help. Unlike argparse's own function, raise an error where that is not possible."""
        (file or sys.stderr).write(message)


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    top = _Parser(
        "unseen",
        description="Deepfake-face detectors: score pictures, measure and compare predictions, list sources.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (
        predict,
        bulk,
        portrait,
        score,
        evaluate,
        compare,
        export,
        serve,
        check,
        doctor,
        sources,
        accept,
        results,
        verify,
    ):
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. Errors that the user can fix are printed as one line."""
    if streams.replace_closed():
        streams.report("unseen: standard output is closed; direct it to a file or to the null device")
        return 2
    streams.escape_unencodable()
    try:
        try:
            given = sys.argv[1:] if argv is None else argv
            if not given:
                parser().print_help(sys.stderr)
                return 2
            arguments = parser().parse_args(given)
            code = int(arguments.run(arguments))
        finally:
            sys.stdout.flush()
    except UserError as error:
        streams.report(f"unseen: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        streams.discard_output()
        return 141
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and error.filename:
            streams.report(f"unseen: {printable(str(error.filename))}: the name is too long; give a shorter one")
            return 2
        of_stream = (errno.EBADF, errno.EIO) if error.filename is None else ()
        if error.errno is None or error.errno not in (*FULL, errno.EACCES, errno.EROFS, *of_stream):
            return _short_of_something(error)
        streams.discard_output()
        where = printable(str(error.filename)) if error.filename else "the output"
        streams.report(f"unseen: {where}: can't be written: {os.strerror(error.errno)}")
        return 2
    except Exception as error:  # libraries raise many types where memory is short
        return _short_of_something(error)
    return code


def _short_of_something(error: Exception) -> int:
    """Print what the machine lacks and return the exit code. Any other exception is raised again."""
    found = shortage_of(error)
    if found is None:
        raise error
    where = f" ({printable(found.file)})" if found.file else ""
    streams.report(f"unseen: {found.what}{where}; {found.advice}")
    return 2


def program() -> NoReturn:
    """The program `unseen`."""
    leave(main())


if __name__ == "__main__":
    program()
