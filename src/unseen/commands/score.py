"""`unseen score`: folders of real and fake pictures, scored by any detector, as a file of predictions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.detectors import detector_folder
from unseen.commands.words import count, shown
from unseen.core.errors import UserError

if TYPE_CHECKING:
    from unseen.serve.scoring import Picture, Scorer

HELP = """\
Score every picture in two folders, of real faces and of fakes, and write a file of predictions that `unseen evaluate`
and `unseen compare` take. The detector is a folder of this project's, or any Python file with

  def predict(path: str) -> float    the probability that the picture is fake, 0 to 1

THE CODE OF THAT FILE IS RUN, with all that you are allowed to do: give only a file that you trust.

Beside FILE lies FILE.meta.json: what the detector was trained on, what it was shown to catch, at which threshold.
A detector of this project also writes the column `verdict`: fake, unsure or not flagged (which does not mean real).

A picture's id is its folder's name and its path below; its generator, or a real's source, the first folder below.
A detector of this project scores each picture's main face. A picture without a score has a line that says why, and
no row: it is never counted as 0.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture has no score; the file holds the others
  2    could not start, or no picture has a score: nothing was written
  130  interrupted: nothing was written
"""


def _scorer(path: Path) -> "Scorer":
    if path.is_file():
        from unseen.serve.plugin import Plugin

        return Plugin(path)
    folder = detector_folder(path, "a Python file with a function `predict`, a detector's folder or its name")
    from unseen.serve.trained import DetectorPlugin

    return DetectorPlugin(folder)


def _pictures(arguments: argparse.Namespace) -> "list[Picture]":
    """What is to be scored; what lies beside it is said."""
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
    """Score, write, and say how many; `EXIT` says what it returns."""
    from unseen.commands.outputs import check_output
    from unseen.serve.scoring import FORMATS, score_pictures, sidecar

    check_output(arguments.out, "predictions", FORMATS, [arguments.detector])
    check_output(sidecar(arguments.out), "the scope of the detector", (), [arguments.detector])
    out = arguments.out.absolute()  # a plugin may go elsewhere
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
    print(f"measure them: unseen evaluate {shown(str(arguments.out))}{at}", file=sys.stderr)
    return 1 if without else 0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "score",
        help="score folders with any detector, to measure it",
        description=HELP,
        epilog=EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--detector",
        type=Path,
        required=True,
        metavar="FILE|DIR|NAME",
        help="a Python file, whose code is run; a detector's folder; or the name of one below models/detectors",
    )
    parser.add_argument("--reals", type=Path, metavar="FOLDER", help="of real pictures")
    parser.add_argument("--fakes", type=Path, metavar="FOLDER", help="of fakes, a folder below for each generator")
    parser.add_argument("--set", default="", metavar="NAME", help="the column `set`; default: the folder's name")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="predictions, .csv or .parquet")
    parser.set_defaults(run=run)
