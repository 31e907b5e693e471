"""How a stage script ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

STAGES = str(ROOT / "stages")

PROGRAM = """
import sys
sys.path.insert(0, {stages!r})
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
def test_what_ends_a_stage_is_one_line(tmp_path: Path, error: str, code: int, line: str) -> None:
    program = PROGRAM.format(stages=STAGES, error=error, run="_stage.run(work)")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == (f"train_gan dcgan: {line}\n", code)


def test_an_interrupt_while_a_stage_imports_is_one_line() -> None:
    program = PROGRAM.format(stages=STAGES, error="ValueError", run="raise KeyboardInterrupt")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("train_gan dcgan: interrupted; run `dvc repro` again to resume\n", 130)


def test_an_error_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    program = PROGRAM.format(stages=STAGES, error='ValueError("a bug")', run="_stage.run(work)")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: a bug" in done.stderr


COLLECTION = """
import gc, multiprocessing, sys
sys.path.insert(0, {stages!r})
sys.argv = ["stages/train_gan.py", "dcgan"]
multiprocessing.current_process().name = {name!r}
import _stage

_stage.check_params = lambda: None
found = [gc.isenabled()]
_stage.run(lambda _: found.append(gc.isenabled()), cost=False)
print(*found)
"""


@pytest.mark.parametrize(("name", "during_imports"), [("MainProcess", False), ("SpawnProcess-1", True)])
def test_garbage_collection_is_off_only_while_a_stage_imports(
    tmp_path: Path, name: str, during_imports: bool
) -> None:
    """A process that a stage starts imports its script and does not call `run`."""
    program = COLLECTION.format(stages=STAGES, name=name)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{during_imports} True"


ALONE = """
import sys, time
sys.path.insert(0, {stages!r})
sys.argv = ["train_gan.py", "dcgan"]
import _lock, _stage

_lock.WAIT_S = 0.2
_stage.check_params = lambda: None

def work(_):
    print("at work", flush=True)
    time.sleep({seconds})

_stage.run(work, cost=False)
"""


def alone(folder: Path, seconds: float, **env: str) -> subprocess.Popen[str]:
    program = ALONE.format(stages=STAGES, seconds=seconds)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stage_runs_once_at_a_time(tmp_path: Path) -> None:
    """The first may go on without DVC, which was killed alone."""
    first = alone(tmp_path, 60)
    assert first.stdout
    while first.stdout.readline() != "at work\n":
        pass
    second = alone(tmp_path, 0)
    _, said = second.communicate()
    line = f"train_gan dcgan: process {first.pid} runs this stage already; wait for its end or stop it, "
    assert (said, second.returncode) == (f"{line}then run `dvc repro` again\n", 1)
    other = alone(tmp_path, 0, RANK="1")
    assert other.communicate()[0].endswith("at work\n")
    first.kill()
    first.communicate()
    third = alone(tmp_path, 0)
    assert third.communicate()[0].endswith("at work\n")
    assert third.returncode == 0


def test_a_stage_keeps_a_copy_of_the_lock_file(tmp_path: Path) -> None:
    """DVC does not write it by rename, so a kill can leave it empty."""
    lock, copy = tmp_path / "dvc.lock", tmp_path / ".scratch/dvc.lock"
    for content, kept in (("schema: '2.0'\n", "schema: '2.0'\n"), ("", "schema: '2.0'\n")):
        lock.write_text(content)
        assert alone(tmp_path, 0).wait(60) == 0
        assert copy.read_text() == kept


def test_a_font_cache_that_can_not_be_written_is_not_told() -> None:
    """The line of the stage says that the disk is full."""
    warning = 'import logging; logging.getLogger("matplotlib.font_manager").warning("Could not save the cache")'
    program = PROGRAM.format(error="ValueError", run=warning, stages=STAGES)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize(("own", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_returns_memory_that_it_freed_unless_a_user_chose_otherwise(own: str | None, used: str) -> None:
    program = f"import sys; sys.path.insert(0, {STAGES!r}); import _stage, pyarrow as pa; "
    program += "print(pa.default_memory_pool().backend_name)"
    others = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    env = {**others, **({"ARROW_DEFAULT_MEMORY_POOL": own} if own else {})}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{used}\n"
