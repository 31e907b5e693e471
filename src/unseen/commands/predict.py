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
from typing import TYPE_CHECKING, Any

from unseen.commands.words import count, shown
from unseen.errors import UserError
from unseen.scope import FEW_PEOPLE

if TYPE_CHECKING:
    from unseen.detectors.artifact import TrainedDetector
    from unseen.predict import Box, NotScored, Scored

DETECTOR = Path("models/detectors/efficientnet_lite0")

WIDEST_PATH = 60
"""Characters; longer paths push their own line to the right and no other."""

JPEGS, RASTERS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = (*JPEGS, *RASTERS, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""The names that pictures have in a folder; a file that is named itself may be called anything."""

HELP = """\
Score every face in pictures, one line a face: path, probability of being fake, verdict, and where the
face lies as x,y wxh in pixels of the upright picture. A picture without a score has a line that says why.

The verdict compares the probability with the threshold that was frozen when the detector was trained.
`unsure` marks the band of probabilities in which its validation faces do not tell fakes from reals.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture could not be scored: unreadable, no face that is large enough, or nothing matched a PATH
  2    could not start: wrong usage, or the detector is missing or damaged
  130  interrupted
  141  whoever read the output went away
"""


def _in_folder(folder: str) -> list[str]:
    """The pictures in a folder and below; also folders that can't be opened, so that they are reported."""
    closed: list[str] = []
    walk = os.walk(folder, onerror=lambda error: closed.append(str(error.filename)))
    found = [os.path.join(parent, name) for parent, _, names in walk for name in names]
    return sorted([path for path in found if path.lower().endswith(SUFFIXES)] + closed)


def expand(arguments: Iterable[str]) -> list[str]:
    """Files, folders and globs as files, in the order given, each once; what matches nothing stays as it is.

    A name that exists is taken as it is, so that `a[1].jpg` is a file. A glob means what an unquoted one means:
    each match is a file or a folder. Links to folders within a folder are not followed.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        matches = [argument] if os.path.exists(argument) else sorted(glob.glob(argument, recursive=True))
        inside = [path for match in matches for path in (_in_folder(match) if os.path.isdir(match) else [match])]
        for path in inside or [argument]:
            found.setdefault(os.path.abspath(path), path)
    return list(found.values())


def _shares(sets: dict[str, dict[str, Any]], seen: set[str]) -> str:
    parts = []
    for name, one in sets.items():
        generators = set(one.get("generators", []))
        new = ", never seen in training" if generators and not generators & seen else ""
        parts.append(f"{100 * one['share']:.3g} % of {' + '.join(sorted(generators)) or name}{new} (n {one['n']})")
    return ", ".join(parts) or "nothing"


def describe(detector: "TrainedDetector") -> str:
    """One line: what a detector was trained on and what it has been shown to catch.

    Raises:
        UserError: what the artifact says of itself is damaged.
    """
    from unseen.files import read_json

    try:
        trained = detector.card["trained_on"]
        train, seen = trained["train"], {name for split in trained.values() for name in split["generators"]}
        faces = ", ".join(f"{n} of {source}" for source, n in train["faces"].items())
        known = f"{train['people']} people and fakes of {', '.join(train['generators'])} (faces: {faces})"
        few = ": too small to rely on, a demonstration" if train["people"] < FEW_PEOPLE else ""
        if not (detector.folder / "evaluation.json").exists():
            return f"{detector.name}: trained on {known}; not evaluated yet{few}"
        evaluation = read_json(detector.folder / "evaluation.json")
        caught, flagged = _shares(evaluation["caught"], seen), _shares(evaluation["flagged"], seen)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{detector.folder}: damaged ({error!r}); `dvc checkout` restores it") from None
    return f"{detector.name}: trained on {known}; shown to catch {caught}, and to flag {flagged}{few}"


def _place(box: "Box") -> str:
    return f"{box[0]},{box[1]} {box[2]}x{box[3]}"


def as_line(row: "Scored | NotScored", width: int) -> str:
    """A row for people; `width` is the path column's, in characters."""
    from unseen.predict import NotScored

    path = f"{shown(row.path):{width}}"
    if isinstance(row, NotScored):
        where = f" at {_place(row.box)}" if row.box else ""
        return f"{path}  {'-':>4}  {row.reason}{where}: {shown(row.detail)}"
    called = f"unsure, leans {row.verdict}" if row.unsure else row.verdict
    return f"{path}  {row.score:.2f}  {called:18}  {_place(row.box)}"


def as_json(row: "Scored | NotScored", detector: str) -> str:
    """A row for programs: its fields, with `box` as [x, y, width, height] or null, and `reason` called `error`."""
    fields = {"error" if key == "reason" else key: value for key, value in dataclasses.asdict(row).items()}
    return json.dumps({**fields, "detector": detector})


def _summary(counts: Counter[str], seconds: float, loading_s: float) -> str:
    faces = counts["fake"] + counts["unsure"] + counts["real"]
    return (
        f"{count(counts['picture'], 'picture')}, {count(faces, 'face')}: {count(counts['fake'], 'fake')}, "
        f"{counts['unsure']} unsure, {counts['real']} real; {counts['not scored']} not scored; "
        f"{seconds:.1f} s, {faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
    )


def run(arguments: argparse.Namespace) -> int:
    """`unseen predict`; `EXIT` says what it returns."""
    start = time.monotonic()
    gc.disable()  # imports make half a million objects and no garbage; looking for it takes a fifth of their time
    try:
        from unseen.predict import Scored, open_detector, predict
        from unseen.progress import progress

        detector, finder = open_detector(arguments.detector)
    finally:
        gc.freeze()
        gc.enable()
    print(describe(detector), file=sys.stderr)

    ready, counts, paths = time.monotonic(), Counter[str](), expand(arguments.paths)
    width = min(max(len(shown(path)) for path in paths), WIDEST_PATH)
    hidden = sys.stderr.isatty() and not sys.stdout.isatty()
    watched = progress(paths, "predict", "picture", len(paths)) if hidden else paths
    for rows in predict(watched, detector, finder):
        called = ["unsure" if row.unsure else row.verdict for row in rows if isinstance(row, Scored)]
        counts.update(["picture", *(called or ["not scored"])])
        for row in rows:
            print(as_json(row, detector.name) if arguments.json else as_line(row, width))
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
    parser.add_argument("--detector", type=Path, default=DETECTOR, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.set_defaults(run=run)
