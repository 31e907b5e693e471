"""`unseen verify`: whether this run found what another run found."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import columns, count, shown
from unseen.core.errors import UserError

HELP = """\
Compare the findings of this run, metrics/findings.json, with those of another run of the same params, by default the
committed one. Bytes and digits differ between processors, so these are compared:

  counts    pictures, faces and identities of sources and splits: must be the same
  numbers   AUC, TPR and FPR of each detector, means over training seeds: must lie in the range that the other run
            states, which follows from how much its trainings differ
  claims    AUC above chance, AUC above the best cue of the audit, FPR above its limit, held-out generators below the
            one in training, collapsed GANs: must be the same if the other run states them

A range wider than 0.5 is `not stated`, and so is a claim that would be false at an end of the range of its number:
another training may say otherwise. They are not compared.
docs/determinism.md has the formula. Exit code 0: all stated findings hold; 1: some do not; 2: not comparable.
"""

FINDINGS = Path("metrics/findings.json")
NO_RUN = "run `dvc repro`"

REPORT = Path("metrics/report.html")
"""Written by every run, and not committed: a clone without a run does not have it."""


def _text_of(path: Path, advice: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: not found; {advice}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a file of findings; give metrics/findings.json of a run") from None


def _to_compare(against: str) -> tuple[str, str]:
    """The text of the findings to compare with, and where it is from.

    Args:
        against: a file, a folder with findings.json or metrics/findings.json, or else a revision of git.

    Raises:
        UserError: there is none.
    """
    where = f"{against}:{FINDINGS.as_posix()}"
    missing = UserError(f"{where}: not found; --against needs a file, a folder or a revision of git with this file")
    if not against:  # git would show the file of the index
        raise missing
    path = Path(against)
    if path.is_dir():
        inside = path / FINDINGS
        path = inside if inside.is_file() else path / FINDINGS.name
        return _text_of(path, "give the folder of a project or of its metrics"), str(path)
    if path.exists():
        return _text_of(path, "give a file"), against
    command = ["git", "show", "--end-of-options", f"{against}:./{FINDINGS.as_posix()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    except (OSError, ValueError):  # no git, or a name that no process can be given
        raise missing from None
    if done.returncode:
        raise missing
    return done.stdout, where


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison. Returns 0 if all stated findings hold, otherwise 1."""
    from unseen.report.agreement import FAILS, HOLDS, compare
    from unseen.report.stored_findings import parse_findings

    text = _text_of(FINDINGS, NO_RUN)
    other, where = _to_compare(arguments.against)
    here, committed = parse_findings(text, str(FINDINGS)), parse_findings(other, where)
    if here["params"] != committed["params"]:
        print(f"warning: {shown(where)} is of other params", file=sys.stderr)
    if text == other:
        if not REPORT.is_file():
            raise UserError(
                f"{FINDINGS}: is the committed file ({where}), and nothing was run in this folder; {NO_RUN}"
            )
        print(f"note: {FINDINGS} has the same bytes as {shown(where)}", file=sys.stderr)
    compared = compare(committed, here)
    failed = [one for one in compared if one.outcome == FAILS]
    if arguments.json:
        found = {"against": where, "holds": not failed, "findings": [vars(one) for one in compared]}
        print(json.dumps(found))
    else:
        head = ("finding", where, "here", "result")
        rows = [(one.finding, one.committed, one.here, one.outcome) for one in compared]
        print("\n".join(columns([[shown(cell) for cell in row] for row in (head, *rows)])))
        holds = sum(one.outcome == HOLDS for one in compared)
        rest = len(compared) - holds - len(failed)
        print(f"{count(holds, 'finding')} hold, {len(failed)} do not, {rest} not stated")
    return 1 if failed else 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "verify", run, "compare the findings of this run with the committed ones", HELP)
    parser.add_argument(
        "--against",
        default="HEAD",
        metavar="FOLDER|FILE|REVISION",
        help="what to compare with; default: %(default)s, the committed run",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
