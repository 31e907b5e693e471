"""`unseen predict`: score every face in pictures."""

import argparse
import dataclasses
import glob
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import count, shown
from unseen.core.environment import OF_SCORING, check_variables
from unseen.core.garbage_collection import no_garbage_collection
from unseen.core.picture_names import is_left_by_system
from unseen.serve.detector_folders import DETECTORS, detector_folder
from unseen.serve.folders import list_folder
from unseen.serve.verdict import FAKE, NOT_FLAGGED, UNSURE

if TYPE_CHECKING:
    from unseen.serve.prediction import Box, Face, NotScored
    from unseen.serve.provenance import Provenance

DETECTOR = DETECTORS / "efficientnet_lite0"

WIDEST_PATH = 60
"""Maximum width of the path column, in characters; longer paths are not aligned."""

HELP = """\
Score every face in pictures. Prints a line for each face: path, probability of being fake, verdict, and box as
x,y wxh in pixels of the upright picture. A picture without a score has a line with the reason. A line `provenance`
follows if the file says something about its origin, such as a C2PA manifest; no score uses it.

The first line reports the detector's training data, the training seed of its network, and its TPR and FPR at its
threshold. A detector is trained from several seeds; the network of the first one is used. Verdicts:
  fake         the probability is at or above the threshold that was frozen in training
  unsure       it is in the band in which validation does not separate fakes from reals
  not flagged  it is below both; that does not mean that the face is real

--json prints a JSON object a line, with a `type`: first `detector`, with the scope of the detector; then `face` or
`not_scored`. `logit` is before the temperature; `calibrated_logit` and `score` are after it.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture could not be scored: not readable, no face that is large enough, or no match for a PATH
  2    could not start: wrong usage, or the detector is missing or damaged
  130  interrupted
  141  the output pipe was closed
"""


def expand(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Expand files, folders and globs to unique files, in the given order.

    A name that exists is not a glob, so `a[1].jpg` may be a file. The matches of a glob may be folders. An argument
    without matches is kept. Links to folders within a folder are not followed. Arguments that operating systems made
    are skipped, unless there are no others.

    Returns:
        The files, and a line for each folder with skipped files.
    """
    found: dict[str, str] = {}
    skipped: dict[str, str] = {}
    left: list[str] = []
    for argument in arguments:
        inside: list[str] = []
        if os.path.exists(argument) and is_left_by_system(argument):  # a shell's `*` also matches these
            left.append(argument)
            continue
        for match in [argument] if os.path.exists(argument) else sorted(glob.glob(argument, recursive=True)):
            if not os.path.isdir(match):
                inside.append(match)
                continue
            listing = list_folder(match)
            inside += sorted([*listing.pictures, *(str(error.filename) for error in listing.closed)])
            if text := listing.skipped():
                skipped.setdefault(os.path.abspath(match), f"{shown(match)}: skipped {text}")
        for path in inside or [argument]:
            found.setdefault(os.path.abspath(path), path)
    if left and not found:
        return left, []
    if left:
        skipped[""] = f"skipped {count(len(left), 'argument')} of the system (such as {shown(left[0])})"
    return list(found.values()), list(skipped.values())


def _place(box: "Box") -> str:
    return f"{box[0]},{box[1]} {box[2]}x{box[3]}"


def as_line(name: str, row: "Face | NotScored", width: int) -> str:
    """Format a row as text; `width` is the width of the path column, in characters."""
    from unseen.serve.prediction import NotScored

    path = f"{shown(name):{width}}"
    if isinstance(row, NotScored):
        where = f" at {_place(row.box)}" if row.box else ""
        return f"{path}  {'-':>4}  {row.reason}{where}: {shown(row.detail)}"
    return f"{path}  {row.score:.2f}  {row.verdict:{len(NOT_FLAGGED)}}  {_place(row.box)}"


def as_json(name: str, row: "Face | NotScored", provenance: "Provenance") -> str:
    """Format a row as JSON: its fields, with `box` as [x, y, width, height] or null, and `reason` as `error`.

    `provenance` is of the picture; null if its file says nothing.
    """
    facts = provenance.as_dict() if provenance else None
    fields = {"error" if key == "reason" else key: value for key, value in dataclasses.asdict(row).items()}
    return json.dumps(
        {"type": "not_scored" if "error" in fields else "face", "path": name, **fields, "provenance": facts}
    )


def _summary(counts: Counter[str], seconds: float, loading_s: float) -> str:
    faces = sum(counts[verdict] for verdict in (FAKE, UNSURE, NOT_FLAGGED))
    return (
        f"{count(counts['picture'], 'picture')}, {count(faces, 'face')}: {counts[FAKE]} {FAKE}, "
        f"{counts[UNSURE]} {UNSURE}, {counts[NOT_FLAGGED]} {NOT_FLAGGED}; {counts['not scored']} not scored; "
        f"{seconds:.1f} s, {faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the scores. Returns a code of `EXIT`."""
    start = time.monotonic()
    check_variables(OF_SCORING)
    folder = detector_folder(arguments.detector)
    with no_garbage_collection():
        from unseen.core.progress import progress
        from unseen.serve.api import load
        from unseen.serve.predict import predict

        detector = load(folder, arguments.backend)
    if arguments.backend == "torch":
        from unseen.core.runtime import keep_memory  # imports torch

        keep_memory()
    scope = detector.scope
    paths, skipped = expand(arguments.paths)
    for line in skipped:
        print(line, file=sys.stderr)
    print(json.dumps({"type": "detector", **scope.as_dict()}) if arguments.json else f"# {shown(scope.scope)}")

    ready, counts = time.monotonic(), Counter[str]()
    width = min(max(len(shown(path)) for path in paths), WIDEST_PATH)
    hidden = sys.stderr.isatty() and not sys.stdout.isatty()
    watched = progress(paths, "predict", "picture", len(paths)) if hidden else paths
    for one in predict(watched, detector.loaded):
        called: list[str] = [face.verdict for face in one]
        counts.update(["picture", *(called or ["not scored"])])
        rows: list[Face | NotScored] = [*one.faces, *one.not_scored]
        for row in rows:
            print(as_json(one.name, row, one.provenance) if arguments.json else as_line(one.name, row, width))
        if one.provenance and not arguments.json:
            print(f"{shown(one.name):{width}}  {'':4}  provenance: {shown(one.provenance.text())}")
        sys.stdout.flush()
    print(_summary(counts, time.monotonic() - ready, ready - start), file=sys.stderr)
    return 1 if counts["not scored"] else 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "predict", run, "score the faces in pictures", HELP, EXIT)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, or a glob")
    parser.add_argument("--detector", type=Path, default=DETECTOR, metavar="DIR|NAME", help="default: %(default)s")
    parser.add_argument(
        "--backend",
        choices=("torch", "onnx"),
        default="torch",
        help="onnx: a detector that `unseen export` wrote; starts without PyTorch. default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")
