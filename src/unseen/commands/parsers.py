"""The argument parsers of the commands."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:  # the class is not generic when the program runs
    Commands = argparse._SubParsersAction


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    text: str = "",
    end: str = "",
) -> argparse.ArgumentParser:
    """Add a command, and return its parser.

    Args:
        commands: of the parser of `unseen`.
        name: of the command.
        run: is called with the arguments, and returns the exit code.
        help: one line, in the list of commands.
        text: printed by `--help`, before the arguments.
        end: printed after them.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(name, help=help, description=text, epilog=end, formatter_class=raw)
    parser.set_defaults(run=run)
    return parser
