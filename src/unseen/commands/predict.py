"""`unseen predict`: score every face in pictures."""

import argparse
import itertools
import math
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.commands.parsers import Commands, add_command
from unseen.commands.predict_summary import Summary
from unseen.commands.words import count, shown, warn
from unseen.core.environment import OF_SCORING, check_variables
from unseen.core.errors import UserError
from unseen.core.garbage_collection import no_garbage_collection
from unseen.serve.detector_folders import DETECTORS, detector_folder
from unseen.serve.files import Files
from unseen.serve.verdict import NOT_FLAGGED

if TYPE_CHECKING:
    from unseen.serve.api import Detector

DETECTOR = DETECTORS / "efficientnet_lite0"

WIDEST_PATH = 60
"""Maximum width of the path column in characters. Longer paths are not aligned."""

LOOKED_AT = 1000
"""Number of first paths that determine the width of the path column."""

COUNTING_S = 2.0
"""Time limit in seconds to count the pictures for the progress bar. Beyond it, the bar shows only the rate."""

HELP = """\
Score every face in pictures. Prints one line per face: path, probability of being fake, verdict, and box as
x,y wxh in pixels of the upright picture. A picture without a score has a line with the reason. If the metadata of
the file say something about its origin, such as a C2PA manifest, a line `provenance` follows. Scores do not use it.

The first line reports the detector's training data, the training seed of its network, and its TPR and FPR at its
threshold. A detector is trained from several seeds; the network of the first one is used. Verdicts:
  fake         the probability is at or above the threshold that was frozen in training
  unsure       the face is unlike validation faces (`small_face`, `degraded`, `profile`; not with --no-gate), or the
               probability is in the band in which real and fake validation faces are not clearly separated
               (`in_band`); the reason is at the end of the line
  not flagged  the probability is below the threshold and the band; this does not mean that the face is real

--json prints one JSON object per line, with a `type`: first `detector`, with the scope of the detector; then `face`
or `not_scored`. `logit` is before the temperature; `calibrated_logit` and `score` are after it.

A video (.mp4, .mov, .mkv, .webm, .avi) gives a line for each face that is tracked through its frames, with the score
of the mean logit. TPR and FPR are not known for videos. Videos need the extra `video`.

--csv, --parquet, --jsonl and --gallery write files instead of lines. Files are written atomically at the end. A
stopped run leaves its rows in a file that ends in .part; the same command with --resume continues it.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    at least one picture was not scored: not readable, no face that is large enough, or no match for a PATH
  2    could not start: wrong usage, or the detector is missing or damaged
  130  interrupted
  141  the output pipe was closed
"""


def as_line(row: dict[str, Any], width: int) -> str:
    """Format a row as text; `width` is the width of the path column, in characters."""
    path = f"{shown(row['name']):{width}}"
    place = f"{row['left']},{row['top']} {row['box_width']}x{row['box_height']}"
    if row["error"] is not None:
        where = "" if row["left"] is None else f" at {place}"
        return f"{path}  {'-':>4}  {row['error']}{where}: {shown(row['detail'])}"
    why = f"  {row['why']}" if row["why"] else ""
    return f"{path}  {row['score']:.2f}  {row['verdict']:{len(NOT_FLAGGED)}}  {place}{why}"


def _first_paths(paths: Iterable[str]) -> tuple[int, Iterator[str]]:
    """Return the width of the path column, and the same paths."""
    rest = iter(paths)
    first = list(itertools.islice(rest, LOOKED_AT))
    width = min(max((len(shown(path)) for path in first), default=0), WIDEST_PATH)
    return width, itertools.chain(first, rest)


def print_rows(paths: Iterable[str], detector: "Detector", as_json: bool) -> Summary:
    """Print the rows of each picture."""
    from unseen.serve.outputs import as_json as line_of
    from unseen.serve.outputs import output_rows
    from unseen.serve.predict import predict

    width, paths = _first_paths(paths)
    summary = Summary()
    for one in predict(paths, detector.loaded):
        rows = output_rows(one)
        summary.add(rows)
        for row in rows:
            print(line_of(row) if as_json else as_line(row, width))
        if one.provenance and not as_json:
            print(f"{shown(one.name):{width}}  {'':4}  provenance: {shown(one.provenance.text())}")
        sys.stdout.flush()
    return summary


def _detector(arguments: argparse.Namespace) -> "Detector":
    """Load the detector, with the requested threshold."""
    folder = detector_folder(arguments.detector)
    with no_garbage_collection():
        from unseen.serve.api import load
        from unseen.serve.operating_point import too_few_reals

        detector = load(folder, arguments.backend, gate=not arguments.no_gate)
    if arguments.backend == "torch":
        from unseen.core.runtime import keep_memory  # imports torch

        keep_memory()
    if arguments.threshold_for_fpr is None:
        return detector
    detector = detector.at_fpr(arguments.threshold_for_fpr)
    if warning := too_few_reals(detector.loaded):
        warn([warning])
    return detector


def run(arguments: argparse.Namespace) -> int:
    """Print the scores, or write them to files. Returns a code of `EXIT`."""
    from unseen.commands.predict_outputs import outputs_of
    from unseen.commands.predict_videos import print_videos, split_videos

    start = time.monotonic()
    check_variables(OF_SCORING)
    outputs = outputs_of(arguments)
    pictures, videos = split_videos(arguments.paths)
    if videos and outputs:
        raise UserError(
            f"{videos[0]}: videos can't be written to these files; leave the file options out, or use --json"
        )
    detector = _detector(arguments)
    scope = detector.scope
    checkpoint = None
    if outputs:
        from unseen.commands.predict_files import checkpoint_of, score_files, write_files

        checkpoint = checkpoint_of(outputs, detector, arguments.resume)
    files = Files(pictures)
    paths: Iterable[str] = files
    if sys.stderr.isatty() and (outputs or not sys.stdout.isatty()):
        from unseen.core.progress import progress

        paths = progress(files, "predict", "picture", files.count_within(COUNTING_S))
    if arguments.json:
        from unseen.serve.outputs import header_as_json

        print(header_as_json(scope.as_dict()))
    else:
        print(f"# {shown(scope.scope)}")
    ready = time.monotonic()
    whole = print_videos(videos, detector, arguments.frames_per_second, arguments.json)
    if videos and not pictures:
        return 0 if whole else 1
    if not checkpoint:
        summary = print_rows(paths, detector, arguments.json)
        faces = summary.faces
    else:
        try:
            faces = score_files(paths, detector, checkpoint)
            scored_s = time.monotonic()
            summary = write_files(outputs, detector, checkpoint, files.skipped())
        except KeyboardInterrupt:
            print("interrupted; the same command with --resume continues", file=sys.stderr)
            raise
        finally:
            checkpoint.close()
        if checkpoint.earlier:
            print(f"{count(checkpoint.earlier, 'picture')} scored by an earlier run", file=sys.stderr)
        ready += time.monotonic() - scored_s  # the rate is of scoring alone
    for line in files.skipped():
        print(line, file=sys.stderr)
    print(summary.text(time.monotonic() - ready, ready - start, faces), file=sys.stderr)
    return 1 if summary.without or not whole else 0


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "predict", run, "score the faces in pictures", HELP, EXIT)
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, a glob, or a video"
    )
    parser.add_argument("--detector", type=Path, default=DETECTOR, metavar="DIR|NAME", help="default: %(default)s")
    parser.add_argument(
        "--backend",
        choices=("torch", "onnx"),
        default="torch",
        help="onnx: a detector that `unseen export` wrote; needs no PyTorch. default: %(default)s",
    )
    parser.add_argument(
        "--threshold-for-fpr",
        type=_share,
        metavar="FPR",
        help="use the threshold that training froze for this FPR on validation faces, such as 0.01",
    )
    parser.add_argument(
        "--no-gate",
        action="store_true",
        help="turn off the gate: also give verdicts for faces that are unlike validation faces",
    )
    parser.add_argument(
        "--frames-per-second",
        type=_positive,
        default=5.0,
        metavar="N",
        help="sampling rate for videos; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    files = parser.add_argument_group("files instead of lines")
    files.add_argument("--csv", type=Path, metavar="FILE", help="a table as CSV")
    files.add_argument("--parquet", type=Path, metavar="FILE", help="a table as Parquet")
    files.add_argument("--jsonl", type=Path, metavar="FILE", help="the lines of --json")
    files.add_argument(
        "--gallery", type=Path, metavar="FILE", help="an HTML page with the faces of the highest scores"
    )
    files.add_argument("--resume", action="store_true", help="continue a run that was stopped")
