"""`unseen results`: print the tables of the last run, from its files."""

import argparse
from pathlib import Path

from unseen.commands.parsers import Commands, add_command


def run(arguments: argparse.Namespace) -> int:
    """Print the tables."""
    from unseen.params.check import load_params
    from unseen.report.results import read_results
    from unseen.report.terminal import table

    print(table(read_results(load_params(Path("params.yaml")), Path("metrics"), Path("models"))))
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    add_command(commands, "results", run, "print the tables of the last run")
