"""`unseen`: score pictures with a trained detector, check a params file, show the last run's tables.

Nothing heavy is imported before it is needed: `--help` and `check` answer at once.
"""

import argparse
import dataclasses
import gc
import glob
import io
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

JPEGS, RASTERS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = (*JPEGS, *RASTERS, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
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
        faces = ", ".join(f"{count} of {source}" for source, count in train["faces"].items())
        known = f"{train['people']} people and fakes of {', '.join(train['generators'])} (faces: {faces})"
        few = ": too small to rely on, a demonstration" if train["people"] < FEW_PEOPLE else ""
        if not (detector.folder / "evaluation.json").exists():
            return f"{detector.name}: trained on {known}; not evaluated yet{few}"
        shown = read_json(detector.folder / "evaluation.json")
        caught, flagged = _shares(shown["caught"], seen), _shares(shown["flagged"], seen)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{detector.folder}: damaged ({error!r}); `dvc checkout` restores it") from None
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


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _summary(counts: Counter[str], seconds: float, loading_s: float) -> str:
    faces = counts["fake"] + counts["unsure"] + counts["real"]
    return (
        f"{_count(counts['picture'], 'picture')}, {_count(faces, 'face')}: {_count(counts['fake'], 'fake')}, "
        f"{counts['unsure']} unsure, {counts['real']} real; {counts['not scored']} not scored; "
        f"{seconds:.1f} s, {faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
    )


def run_predict(arguments: argparse.Namespace) -> int:
    """`unseen predict`; `PREDICT_EXIT` says what it returns."""
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
    width = min(max(len(_shown(path)) for path in paths), WIDEST_PATH)
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


def run_check(arguments: argparse.Namespace) -> int:
    """`unseen check`: 0 for a params file that is valid, and a UserError for one that is not."""
    from unseen.params import load_params

    try:
        params = load_params(arguments.params)
    except OSError as error:
        raise UserError(f"{arguments.params}: {error.strerror}") from None
    counts: dict[str, dict[str, Any]] = {
        "source": params.sources,
        "GAN": params.gans,
        "fake set": params.fakes,
        "detector": params.detectors,
        "evaluation set": params.evaluation_sets,
    }
    print(f"{arguments.params}: valid ({', '.join(_count(len(items), what) for what, items in counts.items())})")
    return 0


def run_results(arguments: argparse.Namespace) -> int:
    """`unseen results`: the tables of the last run, from the files that it wrote."""
    from unseen.params import load_params
    from unseen.report.results import read_results
    from unseen.report.terminal import table

    print(table(read_results(load_params(Path("params.yaml")), Path("metrics"), Path("models"))))
    return 0


class _Version(argparse.Action):
    """`--version`, asked of the installation only where it is wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(f"unseen {version('unseen')}")
        except PackageNotFoundError:
            print("unseen, from a checkout and not installed")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        "unseen", description="Deepfake-face detectors: score pictures, check params, show results."
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    plain = argparse.RawDescriptionHelpFormatter
    predict = commands.add_parser("predict", help="score the faces in pictures", formatter_class=plain)
    predict.description, predict.epilog = PREDICT_HELP, PREDICT_EXIT
    predict.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, or a glob")
    predict.add_argument("--detector", type=Path, default=DETECTOR, metavar="DIR", help="default: %(default)s")
    predict.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    predict.set_defaults(run=run_predict)
    check = commands.add_parser("check", help="check a params file")
    check.description = "Check a params file as a whole. Exit code 0: valid; 2: not valid."
    check.add_argument("params", nargs="?", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    check.set_defaults(run=run_check)
    results = commands.add_parser("results", help="print the tables of the last run")
    results.set_defaults(run=run_results)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what a user can mend becomes one line."""
    arguments = parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not fit the terminal's encoding
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except UserError as error:
        print(f"unseen: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
