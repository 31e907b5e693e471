"""`unseen score`: score folders of real and fake pictures with any detector, and write a file of predictions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import count, shown
from unseen.core.errors import UserError
from unseen.serve.detector_folders import detector_folder

if TYPE_CHECKING:
    from unseen.serve.scoring import Picture, Scorer

HELP = """\
Score every picture in a folder of reals and a folder of fakes, and write a file of predictions for `unseen evaluate`
and `unseen compare`. The detector is one of this project, or any Python file with

  def predict(path: str) -> float    the probability that the picture is fake, 0 to 1

THE CODE OF THAT FILE IS RUN with all your permissions. Use only files that you trust.

FILE.meta.json is written beside FILE: the detector's training data, threshold, TPR and FPR.
A detector of this project also writes the column `verdict`: fake, unsure or not flagged. `not flagged` does not
mean real.

A picture's id is the folder's name and its relative path. Its generator (for reals: its source) is the name of the
first subfolder. A detector of this project scores each picture's main face. For a picture without a score, a line
with the reason is printed, and no row is written.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture has no score; the file holds the others
  2    could not start, or no picture has a score; nothing was written
  130  interrupted; nothing was written
"""


def _scorer(path: Path) -> "Scorer":
    if path.is_file():
        from unseen.serve.plugin import Plugin

        return Plugin(path)
    folder = detector_folder(path, "a Python file with a function `predict`, a detector's folder or its name")
    from unseen.serve.trained import DetectorPlugin

    return DetectorPlugin(folder)


def _pictures(arguments: argparse.Namespace) -> "list[Picture]":
    """The pictures to score. Prints a line about skipped files."""
    from unseen.serve.scoring import check_apart, pictures_in

    found: list[list[Picture]] = []
    for label, folder in enumerate((arguments.reals, arguments.fakes)):
        pictures, skipped = pictures_in(folder, label, arguments.set) if folder else ([], "")
        if skipped:
            print(f"{shown(str(folder))}: skipped {skipped}", file=sys.stderr)
        found.append(pictures)
    if not any(found):
        raise UserError("nothing to score: give --reals, --fakes, or both")
    check_apart(*found)
    return [picture for pictures in found for picture in pictures]


def run(arguments: argparse.Namespace) -> int:
    """Score pictures and write predictions. Returns a code of `EXIT`."""
    from unseen.commands.outputs import check_output
    from unseen.core.environment import OF_SCORING, check_variables
    from unseen.serve.scoring import FORMATS, score_pictures
    from unseen.serve.sidecar import sidecar

    check_variables(OF_SCORING)
    check_output(arguments.out, "predictions", FORMATS, [arguments.detector])
    check_output(sidecar(arguments.out), "the scope of the detector", (), [arguments.detector])
    out = arguments.out.absolute()  # a plugin may change the working directory
    pictures = _pictures(arguments)
    scorer = _scorer(arguments.detector)

    def failed(path: str, reason: str) -> None:
        print(f"{shown(path)}: {shown(reason)}", file=sys.stderr)

    if scorer.threshold is not None:
        print(shown(scorer.scope["scope"]), file=sys.stderr)
    scored = score_pictures(scorer, pictures, out, failed)
    without = len(pictures) - scored
    print(
        f"{count(scored, 'picture')} scored, {without} without a score, in {shown(str(arguments.out))}",
        file=sys.stderr,
    )
    at = "" if scorer.threshold is None else f" --threshold {scorer.threshold!r}"
    print(f"to compute metrics: unseen evaluate {shown(str(arguments.out))}{at}", file=sys.stderr)
    return 1 if without else 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "score", run, "score folders with any detector", HELP, EXIT)
    parser.add_argument(
        "--detector",
        type=Path,
        required=True,
        metavar="FILE|DIR|NAME",
        help="a Python file, whose code is run; a detector's folder; or a detector's name below models/detectors",
    )
    parser.add_argument("--reals", type=Path, metavar="FOLDER", help="real pictures")
    parser.add_argument("--fakes", type=Path, metavar="FOLDER", help="fakes, with a subfolder for each generator")
    parser.add_argument("--set", default="", metavar="NAME", help="the column `set`; default: the folder's name")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="predictions, .csv or .parquet")
