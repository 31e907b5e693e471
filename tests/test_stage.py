"""How a stage script ends."""

import subprocess
import sys

import pytest

from conftest import ROOT

PROGRAM = """
import sys
sys.path.insert(0, "stages")
sys.argv = ["stages/train_gan.py", "dcgan"]
import _stage
from unseen.core.errors import StoppedError, UserError

def work(_):
    raise {error}

_stage.check_params = lambda: None
{run}
"""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        ("KeyboardInterrupt", 130, "interrupted; run `dvc repro` again to resume"),
        ('StoppedError("step 3 of 9", 130)', 130, "stopped at step 3 of 9; run it again to resume"),
        ('StoppedError("step 3 of 9", 1)', 1, "stopped at step 3 of 9; run it again to resume"),
        ('UserError("no faces")', 1, "no faces"),
    ],
)
def test_what_ends_a_stage_is_one_line(error: str, code: int, line: str) -> None:
    program = PROGRAM.format(error=error, run="_stage.run(work)")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == (f"train_gan dcgan: {line}\n", code)


def test_an_interrupt_while_a_stage_imports_is_one_line() -> None:
    program = PROGRAM.format(error="ValueError", run="raise KeyboardInterrupt")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("train_gan dcgan: interrupted; run `dvc repro` again to resume\n", 130)


def test_an_error_of_ours_keeps_its_traceback() -> None:
    program = PROGRAM.format(error='ValueError("a bug")', run="_stage.run(work)")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: a bug" in done.stderr


COLLECTION = """
import gc, multiprocessing, sys
sys.path.insert(0, "stages")
sys.argv = ["stages/train_gan.py", "dcgan"]
multiprocessing.current_process().name = {name!r}
import _stage

_stage.check_params = lambda: None
found = [gc.isenabled()]
_stage.run(lambda _: found.append(gc.isenabled()), cost=False)
print(*found)
"""


@pytest.mark.parametrize(("name", "during_imports"), [("MainProcess", False), ("SpawnProcess-1", True)])
def test_garbage_collection_is_off_only_while_a_stage_imports(name: str, during_imports: bool) -> None:
    """A process that a stage starts imports its script and does not call `run`."""
    program = COLLECTION.format(name=name)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{during_imports} True"
