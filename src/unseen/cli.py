"""`unseen`: score pictures with a trained detector, and check a params file.

Nothing heavy is imported before it is needed: `--help` and `check` answer at once.
"""

import argparse
import dataclasses
import gc
import glob
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import UserError

if TYPE_CHECKING:
    from unseen.detectors.artifact import TrainedDetector
    from unseen.predict import Box, NotScored, Scored

DETECTOR = Path("models/detectors/efficientnet_lite0")

FEW_PEOPLE = 1000
"""A detector that was trained on fewer people is called a demonstration."""

WIDEST_PATH = 60
"""Characters; longer paths push their own line to the right and no other."""

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm .mpo".split())
"""The names that pictures have in a folder; a file that is named itself may be called anything."""

PREDICT_HELP = """\
Score every face in pictures, one line a face: path, probability of being fake, verdict, and where the
face lies as x,y wxh in pixels of the upright picture. A picture without a score has a line that says why.

The verdict compares the probability with the threshold that was frozen when the detector was trained.
`unsure` marks the band of probabilities in which its validation faces do not tell fakes from reals.
"""

PREDICT_EXIT = """\
exit codes:
  0    every picture was scored
  1    some picture could not be scored: unreadable, no face that is large enough, or nothing matched a PATH
  2    could not start: wrong usage, or the detector is missing or damaged
  130  interrupted
  141  whoever read the output went away
"""


def _in_folder(folder: str) -> list[str]:
    """The pictures in a folder and below; also folders that can't be opened, so that they are reported."""
    found: list[str] = []
    for parent, _, names in os.walk(folder, onerror=lambda error: found.append(str(error.filename))):
        found += [os.path.join(parent, name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    return sorted(found)


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
        faces = ", ".join(f"{count} of {source}" for source, count in train["faces"].items())
        known = f"{train['people']} people and fakes of {', '.join(train['generators'])} (faces: {faces})"
        few = ": too small to rely on, a demonstration" if train["people"] < FEW_PEOPLE else ""
        if not (detector.folder / "evaluation.json").exists():
            return f"{detector.name}: trained on {known}; not evaluated yet{few}"
        shown = read_json(detector.folder / "evaluation.json")
        caught, flagged = _shares(shown["caught"], seen), _shares(shown["flagged"], seen)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{detector.folder}: damaged ({error!r}); `dvc checkout` or `dvc repro` restores it") from None
    return f"{detector.name}: trained on {known}; shown to catch {caught}, and to flag {flagged}{few}"


def _shown(text: str) -> str:
    """Text on one line, with everything escaped that a terminal would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _place(box: "Box") -> str:
    return f"{box[0]},{box[1]} {box[2]}x{box[3]}"


def as_line(row: "Scored | NotScored", width: int) -> str:
    """A row for people; `width` is the path column's, in characters."""
    from unseen.predict import NotScored

    path = f"{_shown(row.path):{width}}"
    if isinstance(row, NotScored):
        where = f" at {_place(row.box)}" if row.box else ""
        return f"{path}  {'-':>4}  {row.reason}{where}: {_shown(row.detail)}"
    called = f"unsure, leans {row.verdict}" if row.unsure else row.verdict
    return f"{path}  {row.score:.2f}  {called:18}  {_place(row.box)}"


def as_json(row: "Scored | NotScored", detector: str) -> str:
    """A row for programs: its fields, with `box` as [x, y, width, height] or null, and `reason` called `error`."""
    fields = {"error" if key == "reason" else key: value for key, value in dataclasses.asdict(row).items()}
    return json.dumps({**fields, "detector": detector})


@dataclasses.dataclass
class _Counts:
    """What was done, for the last line."""

    pictures: int = 0
    failed: int = 0
    called: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, rows: "list[Scored | NotScored]") -> None:
        from unseen.predict import Scored

        called = ["unsure" if row.unsure else row.verdict for row in rows if isinstance(row, Scored)]
        self.pictures += 1
        self.failed += not called
        self.called.update(called)

    def line(self, loading_s: float, seconds: float) -> str:
        faces = self.called.total()
        return (
            f"{_count(self.pictures, 'picture')}, {_count(faces, 'face')}: {_count(self.called['fake'], 'fake')}, "
            f"{self.called['unsure']} unsure, {self.called['real']} real; {self.failed} not scored; "
            f"{seconds:.1f} s, {faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
        )


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def run_predict(arguments: argparse.Namespace) -> int:
    """`unseen predict`; see `PREDICT_EXIT` for what it returns."""
    start = time.monotonic()
    # Half a million objects are made by imports and none of them is garbage: looking for it takes a fifth of the time.
    gc.disable()
    from unseen.predict import open_detector, predict
    from unseen.progress import progress

    detector, finder = open_detector(arguments.detector)
    gc.freeze()
    gc.enable()
    print(describe(detector), file=sys.stderr)

    paths = expand(arguments.paths)
    width = min(max(len(_shown(path)) for path in paths), WIDEST_PATH)
    counts, ready = _Counts(), time.monotonic()
    hidden = sys.stderr.isatty() and not sys.stdout.isatty()
    watched = progress(paths, "predict", "picture", len(paths)) if hidden else paths
    for rows in predict(watched, detector, finder):
        counts.add(rows)
        for row in rows:
            print(as_json(row, detector.name) if arguments.json else as_line(row, width))
        sys.stdout.flush()
    print(counts.line(ready - start, time.monotonic() - ready), file=sys.stderr)
    return 1 if counts.failed else 0


def run_check(arguments: argparse.Namespace) -> int:
    """`unseen check`: 0 where the params file is valid; raises where it is not."""
    from unseen.params import load_params

    try:
        params = load_params(arguments.params)
    except OSError as error:
        raise UserError(f"{arguments.params}: {error.strerror}") from None
    counts = [
        _count(len(params.sources), "source"),
        _count(len(params.gans), "gan"),
        _count(len(params.fakes), "set") + " of fakes",
        _count(len(params.detectors), "detector"),
        _count(len(params.evaluation_sets), "evaluation set"),
    ]
    print(f"{arguments.params}: valid; {', '.join(counts)}")
    return 0


def _version() -> str:
    try:
        return version("unseen")
    except PackageNotFoundError:
        return "run from a checkout, not installed"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("unseen", description=__doc__.split(":")[1].strip())
