"""`unseen check`: is a params file valid?"""

import argparse
from pathlib import Path
from typing import Any

from unseen.commands.words import count
from unseen.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """0 for a params file that is valid, and a UserError for one that is not."""
    from unseen.params import load_params

    try:
        params = load_params(arguments.params)
    except OSError as error:
        raise UserError(f"{arguments.params}: {error.strerror}") from None
    counts: dict[str, dict[str, Any]] = {
        "source": params.sources,
        "GAN": params.gans,
        "fake set": {**params.fakes, **params.twins},
        "detector": params.detectors,
        "evaluation set": params.evaluation_sets,
    }
    print(f"{arguments.params}: valid ({', '.join(count(len(items), what) for what, items in counts.items())})")
    return 0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "check",
        help="check a params file",
        description="Check a params file as a whole. Exit code 0: valid; 2: not valid.",
    )
    parser.add_argument("params", nargs="?", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    parser.set_defaults(run=run)
