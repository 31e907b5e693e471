"""`unseen`: score pictures with a trained detector, or folders with any other; measure predictions, compare two
detectors, check a params file, list sources, show the last run's tables.

Nothing heavy is imported before it is needed: `--help`, `check` and `sources` answer at once.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from unseen.commands import accept, check, compare, evaluate, portrait, predict, results, score, sources
from unseen.core import streams
from unseen.core.errors import UserError, printable
from unseen.core.files import FULL


class _Version(argparse.Action):
    """`--version`, asked of the installation only where it is wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(f"unseen {version('unseen')}")
        except PackageNotFoundError:
            print("unseen, from a checkout and not installed")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Repeats arguments in its messages so that a terminal does not act on them."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(
        "unseen",
        description="Deepfake-face detectors: score pictures, measure and compare predictions, list sources.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (predict, portrait, score, evaluate, compare, check, sources, accept, results):
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what a user can mend becomes one line."""
    streams.escape_unencodable()
    try:
        try:
            arguments = parser().parse_args(argv)
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
        if error.errno not in (*FULL, errno.EACCES, errno.EROFS):
            raise
        streams.discard_output()
        where = printable(str(error.filename)) if error.filename else "the output"
        streams.report(f"unseen: {where}: can't be written: {os.strerror(error.errno)}")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
