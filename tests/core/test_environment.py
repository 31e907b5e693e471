"""The environment variables: read in one place, and a wrong value is one line."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.runtime import device
from unseen.core.stop import Stop

WRONG = [
    ("UNSEEN_THREADS", value, "give a whole number from 1 to 1024")
    for value in ("abc", "0", "-1", "1.5", "²", "9999")
] + [
    ("UNSEEN_WORKERS", "two", "give a whole number from 1 to 1024"),
    ("UNSEEN_PROCESSES", "all", "give a whole number from 1 to 1024"),
    ("UNSEEN_DEVICE", "gpu0", "give cpu, cuda, cuda:1, mps or xpu"),
    ("UNSEEN_DETERMINISTIC", "yes", "give 1 or 0"),
    ("UNSEEN_MEMORY_TUNING", "off", "give 1 or 0"),
    ("UNSEEN_CHECKPOINT_SECONDS", "nan", "give seconds, or hours, minutes and seconds such as 9h, 30m or 1h30m"),
    ("UNSEEN_STOP_AFTER", "9 hours", "give seconds, or hours, minutes and seconds such as 9h, 30m or 1h30m"),
    ("UNSEEN_STOP_AFTER", "-3", "give seconds, or hours, minutes and seconds such as 9h, 30m or 1h30m"),
]


@pytest.fixture(autouse=True)
def none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is set at the start of a test."""
    for name in [name for name in os.environ if name.startswith("UNSEEN_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=re.escape(f"{name} is {value!r}; {allowed}")):
        environment.READERS[name]()
    with pytest.raises(UserError, match=re.escape(f"{name} is {value!r}; {allowed}")):
        environment.check_variables()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.READERS:
        monkeypatch.setenv(name, "")
    environment.check_variables()
    assert environment.threads(3) == 3
    assert environment.workers() is environment.processes() is environment.requested_device() is None
    assert not environment.deterministic()
    assert environment.memory_tuning()
    assert environment.checkpoint_seconds() == 15
    assert environment.seconds_left() == float("inf")


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_THREAD", "4")
    with pytest.raises(UserError, match=r"UNSEEN_THREAD is not known; .*did you mean `UNSEEN_THREADS`\?"):
        environment.check_variables()


def test_all_problems_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not used may have any value."""
    values = {"UNSEEN_DEVICE": "gpu0", "UNSEEN_THREADS": "2", "UNSEEN_STOP_AFTER": "x", "UNSEEN_PROCESES": "2"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    unknown, device, stop = environment.variable_problems()
    assert unknown.startswith("the environment variable UNSEEN_PROCESES is not known; allowed: ")
    assert unknown.endswith("; did you mean `UNSEEN_PROCESSES`?")
    assert [line.split()[3] for line in (device, stop)] == ["UNSEEN_DEVICE", "UNSEEN_STOP_AFTER"]
    assert environment.variable_problems(environment.OF_SCORING) == [unknown, device]
    with pytest.raises(UserError, match=r"UNSEEN_PROCESES is not known; .* \(and 2 more variables\)$"):
        environment.check_variables()


@pytest.mark.parametrize(
    ("text", "seconds"), [("9h", 32400), ("30m", 1800), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("0", 0)]
)
def test_times(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", text)
    assert environment.checkpoint_seconds() == seconds


def test_a_stage_refuses_a_wrong_variable_before_it_works(tmp_path: Path) -> None:
    for name, value in (("UNSEEN_THREADS", "abc"), ("UNSEEN_DEVICE", "gpu0"), ("UNSEEN_STOP_AFTER", "nine")):
        done = subprocess.run(
            [sys.executable, "stages/evaluation_sets.py"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], name: value},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(f"the environment variable {name} is '{value}'; give ")
        assert len(done.stderr.splitlines()) == 1


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="UNSEEN_DEVICE is 'cuda:2', but PyTorch finds 2 devices of that kind"):
        device()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert device() == torch.device("cuda:2")


def test_the_time_is_that_of_the_whole_run(tmp_path: Path) -> None:
    """A `dvc` with two stages, which it starts in a shell, as `dvc repro` does: less is left for the second."""
    stage = f"'{sys.executable}' -c 'from unseen.core.environment import seconds_left; print(seconds_left())'"
    dvc = tmp_path / "dvc"
    dvc.write_text(
        "import subprocess, time\n"
        f"stage = {stage!r}\n"
        "subprocess.run(stage, shell=True, check=True)\n"
        "time.sleep(1.5)\n"
        "subprocess.run(stage, shell=True, check=True)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "UNSEEN_STOP_AFTER": "2h"}
    done = subprocess.run(
        [sys.executable, str(dvc), "repro"], env=env, check=True, capture_output=True, text=True, cwd=tmp_path
    )
    first, second = map(float, done.stdout.split())
    assert second <= first - 1.5
    assert 3600 < second < first < 7200


def test_without_dvc_the_run_is_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < time.time() - environment.run_started() < 24 * 3600
    monkeypatch.setenv("UNSEEN_STOP_AFTER", "48h")
    assert 0 < environment.seconds_left() < 48 * 3600
    with Stop() as stop:
        assert not stop.asked


def test_no_other_module_reads_a_variable_of_ours() -> None:
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        if path.name != "environment.py":
            assert not re.search(r"(environ|getenv)\b.*UNSEEN_", path.read_text(encoding="utf-8")), path


def test_the_docs_name_every_variable() -> None:
    text = (ROOT / "docs/environment.md").read_text(encoding="utf-8")
    for name in environment.READERS:
        assert f"`{name}`" in text
