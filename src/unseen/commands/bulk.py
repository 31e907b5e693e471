"""`unseen bulk`: score millions of pictures on Ray."""

import argparse
import sys
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import count, shown
from unseen.core.environment import OF_SCORING, check_variables
from unseen.core.errors import UserError

HELP = """\
Score every face in millions of pictures, with several worker processes on this machine or on a Ray cluster. OUTPUT is
a folder of Parquet files, with one row per face and one per picture or face without a score, and summary.json.
To resume after a kill, run the same command again. Finished parts are not scored again.

INPUT is a folder of pictures, a .parquet file or a folder of them with pictures as bytes, or a table of paths (.csv,
.tsv, .txt with one path per line, .parquet). INPUT and OUTPUT are local paths or URLs that fsspec can open, such as s3://.
A picture that crashes its worker or takes too long is retried alone. If it fails again, it has a row with the reason.
"""

EXIT = """\
exit codes:
  0    every picture was scored
  1    at least one picture was not scored; summary.json counts the reasons
  2    could not start or continue: wrong usage, a damaged detector, a full disk
  130  interrupted; run the same command again to resume
"""


def whole(text: str) -> int:
    """Parse a whole number of at least 1, for argparse."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of at least 1")
    return int(text)


def _amount(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of at least 0")
    return found


def run(arguments: argparse.Namespace) -> int:
    """Run the job and print a summary."""
    check_variables(OF_SCORING)
    if arguments.time_limit <= 0:
        raise UserError("--time-limit 0: give a number above 0")
    from unseen.core.prefetch import worker_count
    from unseen.core.progress import progress
    from unseen.serve.bulk.pool import Limits
    from unseen.serve.bulk.readers import Options
    from unseen.serve.bulk.run import Resources, prepare

    options = Options(arguments.chunk, arguments.batch, arguments.column, arguments.id)
    workers = arguments.workers or max(1, worker_count() // arguments.cpus_per_worker)
    resources = Resources(workers, arguments.cpus_per_worker, arguments.gpus_per_worker, arguments.address)
    limits = Limits(call_s=arguments.time_limit)
    bulk = prepare(
        arguments.input, arguments.output, arguments.detector, options, resources, arguments.backend, limits
    )
    print(f"# {shown(bulk.scope['scope'])}")
    there = len(bulk.job.finished)
    if there:
        print(f"{there} of {count(bulk.job.total, 'part')} are finished and not scored again", file=sys.stderr)
    for _ in progress(bulk.run(), "bulk", "part", bulk.job.total, first=there):
        pass
    summary = bulk.finish()
    said = ", ".join(f"{n} {name}" for name, n in summary["verdicts"].items())
    why = ", ".join(f"{name} {n}" for name, n in summary["reasons"]["not_scored"].items())
    print(
        f"{count(summary['pictures'], 'picture')}, {count(summary['faces'], 'face')}: {said or 'no verdict'}; "
        f"{summary['not_scored']} not scored{f' ({why})' if why else ''}",
        file=sys.stderr,
    )
    return 1 if summary["pictures_without_a_score"] else 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "bulk", run, "score millions of pictures on Ray", HELP, EXIT)
    parser.add_argument("input", metavar="INPUT", help="folder, Parquet or table")
    parser.add_argument("output", metavar="OUTPUT", help="folder of Parquet files")
    parser.add_argument("--detector", type=Path, required=True, metavar="DIR|NAME")
    parser.add_argument("--backend", choices=("torch", "onnx"), default="torch", help="default: %(default)s")
    parser.add_argument(
        "--workers", type=whole, metavar="N", help="number of worker processes; default: one for each processor core"
    )
    parser.add_argument("--cpus-per-worker", type=whole, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--gpus-per-worker", type=_amount, default=0.0, metavar="N", help="GPUs of each worker, such as 1 or 0.5"
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="address of a Ray cluster; default: this machine only")
    parser.add_argument("--column", metavar="NAME", help="column of pictures or paths; default: the first that fits")
    parser.add_argument("--id", metavar="NAME", help="column of ids, for Parquet with pictures; default: FILE#ROW")
    parser.add_argument(
        "--time-limit",
        type=_amount,
        default=300.0,
        metavar="SECONDS",
        help="time limit for a batch; default: %(default)s",
    )
    parser.add_argument(
        "--batch", type=whole, default=32, metavar="N", help="pictures per call of a worker; default: %(default)s"
    )
    parser.add_argument(
        "--chunk", type=whole, default=1024, metavar="N", help="pictures per output file; default: %(default)s"
    )
