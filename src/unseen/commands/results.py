"""`unseen results`: print the tables of the last run, from its files."""

import argparse
from pathlib import Path


def run(arguments: argparse.Namespace) -> int:
    """Print the tables."""
    from unseen.params.check import load_params
    from unseen.report.results import read_results
    from unseen.report.terminal import table

    print(table(read_results(load_params(Path("params.yaml")), Path("metrics"), Path("models"))))
    return 0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("results", help="print the tables of the last run")
    parser.set_defaults(run=run)
