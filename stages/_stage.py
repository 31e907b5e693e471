"""What every stage script shares: this checkout's code first, the whole params file checked, one-line errors.

Importing this module puts the `src` of this very checkout in front of anything installed, so that a queued
experiment, which runs in a copy of another commit, runs that commit's code.
"""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType

STARTED = time.monotonic()

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

PARAMS = Path("params.yaml")
SCRATCH = Path(".scratch")
COSTS = Path("metrics/costs")

# Matplotlib writes a list of fonts where it is told to, and else below the user's home.
os.environ.setdefault("MPLCONFIGDIR", str(SCRATCH.absolute() / "matplotlib"))


def _one_line_for_an_interrupt(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What Python calls with an exception that nothing caught: Ctrl-C is one line and exit code 130, from the first
    import on."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    what = " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    print(f"{what}: interrupted; run `dvc repro` again to go on", file=sys.stderr, flush=True)
    os._exit(130)  # or Python ends itself by the signal


sys.excepthook = _one_line_for_an_interrupt


def check_params() -> None:
    """Refuse to work on a params file that is not valid as a whole, this stage's block or not.

    It runs as a program of its own: it can stop a run but never change what one writes, so the types of
    other stages are no dependency of this one.
    """
    done = subprocess.run(
        [sys.executable, "-m", "unseen.params", str(PARAMS)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
        start_new_session=True,  # Ctrl-C is this process's to act on
    )
    if done.returncode:
        sys.exit(done.returncode)


def say_which(name: str, items: list[str]) -> AbstractContextManager[object]:
    """Print which of how many stages this is, while something else is done. In a program of its own, as the check."""
    if os.environ.get("RANK", "0") != "0":
        return nullcontext()
    return subprocess.Popen([sys.executable, str(ROOT / "stages/_plan.py"), name, *items])


def run(work: Callable[..., None], cost: bool = True) -> None:
    """Call `work` with the script's arguments; what a user can mend becomes one line and exit code 1.

    When it is done, `metrics/costs/STAGE/ARGUMENTS.json` says what it cost, unless `cost` is false.
    """
    from unseen import streams
    from unseen.costs import Cost
    from unseen.errors import UserError, printable
    from unseen.files import FULL

    streams.open_up()

    name, items = Path(sys.argv[0]).stem, sys.argv[1:]
    with say_which(name, items):
        check_params()
    try:
        meter = Cost(STARTED)
        work(*items)
        if cost and os.environ.get("RANK", "0") == "0":  # of processes that train together, the first
            meter.write(COSTS, name, items)
        sys.stdout.flush()
    except UserError as error:
        print(f"{' '.join([name, *items])}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in (*FULL, errno.EACCES, errno.EROFS):
            raise
        advice = "free some space" if error.errno in FULL else "check the permissions"
        if error.errno == errno.EFBIG:
            advice = "raise the limit on the size of files (`ulimit -f`)"
        where = f" ({printable(str(error.filename))})" if error.filename else ""
        streams.close_off()
        streams.report(
            f"{' '.join([name, *items])}: {os.strerror(error.errno)}{where}; {advice}, then run `dvc repro` again"
        )
        sys.exit(1)
