"""`unseen predict`: every face in pictures with its score."""

import argparse
import dataclasses
import gc
import glob
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.detectors import DETECTORS, detector_folder
from unseen.commands.words import count, shown
from unseen.core.environment import memory_tuning
from unseen.core.picture_names import is_left_by_system
from unseen.serve.folders import list_folder
from unseen.serve.verdict import FAKE, NOT_FLAGGED, UNSURE

if TYPE_CHECKING:
    from unseen.serve.predict import Box, NotScored, ScoredFace

DETECTOR = DETECTORS / "efficientnet_lite0"

WIDEST_PATH = 60
"""Characters; longer paths push their own line to the right and no other."""

HELP = """\
Score every face in pictures, one line a face: path, probability of being fake, verdict, and where the
face lies as x,y wxh in pixels of the upright picture. A picture without a score has a line that says why.

The first line says what the detector was trained on, and what it was shown to catch at its threshold. Verdicts:
  fake         the probability reaches the threshold that was frozen when the detector was trained
  unsure       it lies in the band in which validation faces do not tell fakes from reals
  not flagged  it is below both; that does not mean that the face is real

--json prints an object a line, each with its `type`: first one `detector`, with the scope of the detector; then
`face` or `not_scored`. `logit` is the network's, before the temperature; `calibrated_logit` and `score` are after it.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture could not be scored: unreadable, no face that is large enough, or nothing matched a PATH
  2    could not start: wrong usage, or the detector is missing or damaged
  130  interrupted
  141  whoever read the output went away
"""


def expand(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Files, folders and globs as files, in the order given, each once; what matches nothing stays as it is.
    And a line for each folder in which something was skipped.

    A name that exists is taken as it is, so that `a[1].jpg` is a file. A glob means what an unquoted one means:
    each match is a file or a folder. Links to folders within a folder are not followed. What an operating system
    left is skipped, also where it is named, unless nothing else is.
    """
    found: dict[str, str] = {}
    skipped: dict[str, str] = {}
    left: list[str] = []
    for argument in arguments:
        inside: list[str] = []
        if os.path.exists(argument) and is_left_by_system(argument):  # a shell's `*` names it as well
            left.append(argument)
            continue
        for match in [argument] if os.path.exists(argument) else sorted(glob.glob(argument, recursive=True)):
            if not os.path.isdir(match):
                inside.append(match)
                continue
            listing = list_folder(match)
            inside += sorted([*listing.pictures, *(str(error.filename) for error in listing.closed)])
            if said := listing.skipped():
                skipped.setdefault(os.path.abspath(match), f"{shown(match)}: skipped {said}")
        for path in inside or [argument]:
            found.setdefault(os.path.abspath(path), path)
    if left and not found:
        return left, []
    if left:
        skipped[""] = f"skipped {count(len(left), 'argument')} of the system (such as {shown(left[0])})"
    return list(found.values()), list(skipped.values())


def _place(box: "Box") -> str:
    return f"{box[0]},{box[1]} {box[2]}x{box[3]}"


def as_line(row: "ScoredFace | NotScored", width: int) -> str:
    """A row for people; `width` is the path column's, in characters."""
    from unseen.serve.predict import NotScored

    path = f"{shown(row.path):{width}}"
    if isinstance(row, NotScored):
        where = f" at {_place(row.box)}" if row.box else ""
        return f"{path}  {'-':>4}  {row.reason}{where}: {shown(row.detail)}"
    return f"{path}  {row.score:.2f}  {row.verdict:{len(NOT_FLAGGED)}}  {_place(row.box)}"


def as_json(row: "ScoredFace | NotScored") -> str:
    """A row for programs: its fields, with `box` as [x, y, width, height] or null, and `reason` called `error`."""
    fields = {"error" if key == "reason" else key: value for key, value in dataclasses.asdict(row).items()}
    return json.dumps({"type": "not_scored" if "error" in fields else "face", **fields})


def _summary(counts: Counter[str], seconds: float, loading_s: float) -> str:
    faces = sum(counts[verdict] for verdict in (FAKE, UNSURE, NOT_FLAGGED))
    return (
        f"{count(counts['picture'], 'picture')}, {count(faces, 'face')}: {counts[FAKE]} {FAKE}, "
        f"{counts[UNSURE]} {UNSURE}, {counts[NOT_FLAGGED]} {NOT_FLAGGED}; {counts['not scored']} not scored; "
        f"{seconds:.1f} s, {faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
    )


def run(arguments: argparse.Namespace) -> int:
    """`unseen predict`; `EXIT` says what it returns."""
    start = time.monotonic()
    folder = detector_folder(arguments.detector)
    if memory_tuning():
        gc.disable()  # imports make half a million objects and no garbage; looking for it takes a fifth of their time
    try:
        from unseen.core.progress import progress
        from unseen.serve.detector_scope import scope_of
        from unseen.serve.predict import ScoredFace, open_detector, predict

        detector, face_detector = open_detector(folder)
    finally:
        gc.enable()
    scope = scope_of(detector)
    paths, skipped = expand(arguments.paths)
    for line in skipped:
        print(line, file=sys.stderr)
    print(json.dumps({"type": "detector", **scope.as_dict()}) if arguments.json else f"# {shown(scope.scope)}")

    ready, counts = time.monotonic(), Counter[str]()
    width = min(max(len(shown(path)) for path in paths), WIDEST_PATH)
    hidden = sys.stderr.isatty() and not sys.stdout.isatty()
    watched = progress(paths, "predict", "picture", len(paths)) if hidden else paths
    for rows in predict(watched, detector, face_detector):
        called: list[str] = [row.verdict for row in rows if isinstance(row, ScoredFace)]
        counts.update(["picture", *(called or ["not scored"])])
        for row in rows:
            print(as_json(row) if arguments.json else as_line(row, width))
        sys.stdout.flush()
    print(_summary(counts, time.monotonic() - ready, ready - start), file=sys.stderr)
    return 1 if counts["not scored"] else 0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "predict",
        help="score the faces in pictures",
        description=HELP,
        epilog=EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, or a glob")
    parser.add_argument("--detector", type=Path, default=DETECTOR, metavar="DIR|NAME", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.set_defaults(run=run)
