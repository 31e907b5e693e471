"""What every stage script shares: this checkout's code first, the whole params file checked, one-line errors.

Importing this module puts the `src` of this very checkout in front of anything installed, so that a queued
experiment, which runs in a copy of another commit, runs that commit's code.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

PARAMS = Path("params.yaml")
SCRATCH = Path(".scratch")


def check_params() -> None:
    """Refuse to work on a params file that is not valid as a whole, this stage's block or not.

    It runs as a program of its own: it can stop a run but never change what one writes, so the types of
    other stages are no dependency of this one.
    """
    done = subprocess.run(
        [sys.executable, "-m", "unseen.params", str(PARAMS)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


def run(work: Callable[..., None]) -> None:
    """Call `work` with the script's arguments; what a user can mend becomes one line and exit code 1."""
    from unseen.errors import UserError

    stage = " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    check_params()
    try:
        work(*sys.argv[1:])
    except UserError as error:
        sys.exit(f"{stage}: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        advice = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check the permissions"
        where = f" ({error.filename})" if error.filename else ""
        sys.exit(f"{stage}: {error.strerror}{where}; {advice}, then run `dvc repro` again")
