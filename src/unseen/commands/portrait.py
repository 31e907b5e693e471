"""`unseen portrait`: download a picture to try a detector on."""

import argparse
import sys
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import shown

HELP = """\
Download a portrait to try `unseen predict` on: NASA's photograph of the astronaut Eileen Collins, 512 px, public
domain. It is extracted from the package scikit-image (14 MB, no code of it is run), and its SHA-256 is checked.
"""


def run(arguments: argparse.Namespace) -> int:
    """Download the portrait."""
    from unseen.commands.outputs import check_output
    from unseen.sources.portrait import fetch_portrait

    check_output(arguments.file, "the portrait", (".png",))
    fetch_portrait(arguments.file)
    print(f"NASA's photograph of Eileen Collins, in the public domain: {shown(str(arguments.file))}", file=sys.stderr)
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "portrait", run, "download a portrait to try a detector on", HELP)
    parser.add_argument(
        "file", type=Path, nargs="?", default=Path("astronaut.png"), metavar="FILE", help="default: %(default)s"
    )
