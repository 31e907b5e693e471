"""What stages cost: of processes whose cost is known; written on success alone; only the report depends on it."""

import gc
import json
import mmap
import re
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from unseen.core.errors import UserError
from unseen.costs import Cost, device_used, state_of_code
from unseen.report.volatile import VOLATILE, is_volatile
from unseen.speed.machine import peak_memory_mb, restart_peak

sys.path.insert(0, str(ROOT / "stages"))
import _stage

gc.enable()  # a stage switches it off until `run`

STAGES: dict[str, Any] = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}
COMMIT = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "--message", "x"]


def git(folder: Path, *command: str) -> str:
    """What a git command in a folder prints."""
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with code, params and a metric, all committed, as the current folder."""
    for file in ("src/a.py", "stages/b.py", "params.yaml", "dvc.yaml", "dvc.lock", "metrics/c.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, *COMMIT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cost_of(code: str, folder: Path) -> dict[str, Any]:
    """The cost of a process that runs some code."""
    code = f"""
import time
started = time.monotonic()
from pathlib import Path
from unseen.costs import Cost
cost = Cost(started)
{code}
cost.write(Path("costs"), "score", ["one", "two_2.1"])
"""
    subprocess.run([sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(ROOT / "src")}, check=True)
    found: dict[str, Any] = json.loads((folder / "costs/score/one/two_2.1.json").read_text())
    return found


BURN = "import time\nwhile time.process_time() < {}: pass"


def test_time_and_memory_of_a_process(tmp_path: Path) -> None:
    code = f"held = bytearray(b'1') * 200_000_000\n{BURN.format(0.4)}\ndel held\ntime.sleep(0.5)"
    found = cost_of(code, tmp_path)
    assert set(found) == {
        "stage", "item", "seconds", "cpu_seconds", "peak_memory_mb", "device", "machine", "commit", "changed",
    }  # fmt: skip
    assert (found["stage"], found["item"], found["device"]) == ("score", "one/two_2.1", "cpu")
    assert found["seconds"] >= 0.5 + 0.2
    assert 0.4 <= found["cpu_seconds"] <= found["seconds"] - 0.3
    assert 200 < found["peak_memory_mb"] < 320
    assert re.fullmatch(r".+, \d+ cores", found["machine"])


def test_what_a_stage_starts_counts(tmp_path: Path) -> None:
    child = f"held = bytearray(b'1') * 200_000_000\n{BURN.format(0.4)}"
    found = cost_of(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])", tmp_path)
    assert found["cpu_seconds"] >= 0.4
    assert 200 < found["peak_memory_mb"] < 320


def test_what_ran_before_the_work_does_not_count_as_its_memory(tmp_path: Path) -> None:
    """The check of params is a large process, and over before a stage works."""
    code = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "held = bytearray(b'1') * 200_000_000"])
cost = Cost(started)
"""
    assert cost_of(code, tmp_path)["peak_memory_mb"] < 100


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the account is not carried over")
def test_the_memory_of_who_started_a_process_is_not_its_own() -> None:
    held = bytearray(b"1") * 300_000_000
    code = "from unseen.speed.machine import peak_memory_mb; print(peak_memory_mb())"
    environment = {"PYTHONPATH": str(ROOT / "src")}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    assert 5 < float(printed) < 100 < len(held) / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts anew")
def test_the_peak_can_be_counted_anew() -> None:
    restart_peak()  # another test of this process may have had more
    before = peak_memory_mb()
    with mmap.mmap(-1, 400_000_000) as held:  # malloc may give what this process had before
        for _ in range(400):
            held.write(b"1" * 1_000_000)
        high = peak_memory_mb()
    assert high > before + 100
    assert peak_memory_mb() == pytest.approx(high, rel=0.01)  # the kernel counts in several places
    restart_peak()
    assert peak_memory_mb() < high - 300


def test_the_commit_and_whether_code_or_params_differ_from_it(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert state_of_code() == (commit, False)
    for file in ("metrics/c.json", "dvc.lock"):  # a run changes these by itself
        (checkout / file).write_text("2\n")
    assert state_of_code() == (commit, False)
    for file in ("src/a.py", "stages/b.py", "params.yaml", "dvc.yaml", "src/new.py"):
        (checkout / file).write_text("2\n")
        assert state_of_code() == (commit, True), file
        if file == "src/new.py":
            (checkout / file).unlink()
        else:
            git(checkout, "checkout", "--quiet", file)


def test_code_that_no_commit_vouches_for_counts_as_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert state_of_code() == ("", True)
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert state_of_code() == ("", True)


def test_the_code_is_that_of_the_start(checkout: Path) -> None:
    cost = Cost(time.monotonic())
    (checkout / "src/a.py").write_text("edited while it ran\n")
    cost.write(Path("costs"), "audit", [])
    found = json.loads(Path("costs/audit.json").read_text())
    assert (found["commit"], found["changed"], found["item"]) == (git(checkout, "rev-parse", "HEAD"), False, "")


def test_the_device_is_the_one_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = types.SimpleNamespace(is_initialized=lambda: False, get_device_name=lambda: "NVIDIA T4")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert device_used() == "cpu"
    cuda.is_initialized = lambda: True
    assert device_used() == "NVIDIA T4"
    monkeypatch.delitem(sys.modules, "torch")
    assert device_used() == "cpu"


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Run a piece of work as a stage `score.py one two`, and list the costs that it left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_stage, "check_params", lambda: None)
    monkeypatch.setattr(sys, "argv", ["stages/score.py", "one", "two"])
    monkeypatch.delenv("RANK", raising=False)

    def run(work: Callable[..., None], **options: bool) -> list[str]:
        try:
            _stage.run(work, **options)
        except SystemExit as stopped:
            assert stopped.code == 1  # noqa: PT017
            assert capsys.readouterr().err == "score one two: no luck\n"
        return [path.as_posix() for path in Path().rglob("*") if path.is_file() and path.parts[0] != ".scratch"]

    return run


def test_a_stage_that_is_done_leaves_its_cost(stage: Callable[..., list[str]]) -> None:
    assert stage(lambda detector, name: None) == ["metrics/costs/score/one/two.json"]


def test_a_stage_that_fails_leaves_none(stage: Callable[..., list[str]]) -> None:
    def work(detector: str, name: str) -> None:
        raise UserError("no luck")

    assert stage(work) == []


def test_of_processes_that_train_together_the_first_leaves_its_cost(
    stage: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert stage(lambda detector, name: None) == []
    monkeypatch.setenv("RANK", "0")
    assert stage(lambda detector, name: None) == ["metrics/costs/score/one/two.json"]


def test_a_stage_that_reads_costs_leaves_none(stage: Callable[..., list[str]]) -> None:
    assert stage(lambda detector, name: None, cost=False) == []


def paths(stage: dict[str, Any]) -> set[str]:
    """Everything that a stage writes."""
    outs = [out for block in ("outs", "metrics", "plots") for out in stage.get(block, [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


@pytest.mark.parametrize("name", STAGES)
def test_costs_are_side_files_that_no_stage_tracks(name: str) -> None:
    assert not [path for path in [*paths(STAGES[name]), *STAGES[name]["deps"]] if "metrics/costs" in path]


def test_only_the_report_depends_on_what_differs_from_run_to_run() -> None:
    depending = {name for name, stage in STAGES.items() if any(is_volatile(dep) for dep in stage["deps"])}
    assert depending == {"report"}
    # nor on a folder that holds one of them
    for name, stage in STAGES.items():
        for path in VOLATILE:
            assert not any(path.startswith(f"{dep}/") for dep in stage["deps"]), (name, path)


def test_volatile_is_a_path_and_all_below_it() -> None:
    assert is_volatile("metrics/costs/score/one/two.json")
    assert is_volatile("metrics/report.html")
    assert not is_volatile("metrics/costs_of_others.json")
    assert not is_volatile("metrics/data.html")
