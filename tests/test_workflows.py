"""`benchmarks/workflows.py`: steps in order, conditions, caches, and what has no equivalent on this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks/workflows.py"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

WORKFLOW = f"""
on:
  workflow_dispatch:
    inputs:
      color: {{default: red}}
jobs:
  first:
    env: {{SECRET: "${{{{ secrets.WORD }}}}"}}
    steps:
    - uses: actions/checkout@0 # v1
    - uses: actions/setup-python@0 # v1
      with: {{python-version: "{VERSION}"}}
    - uses: actions/cache@0 # v1
      with: {{path: kept, key: "key-${{{{ hashFiles('pyproject.toml') }}}}", restore-keys: key-}}
    - run: |
        test "$SECRET" = "w o r d" && test -z "$FROM_OUTSIDE" && test "$(python -c 'print(1)')" = 1
        mkdir -p kept && echo x >> kept/lines && cat kept/lines
        echo LATER=yes >> "$GITHUB_ENV"
    - run: test "$LATER" = yes && test "$HOME" != "{Path.home()}" && test -f pyproject.toml
    - if: inputs.color == 'blue'
      run: "false"
    - uses: actions/upload-artifact@0 # v1
      with: {{name: lines, path: kept/lines}}
    - uses: someone/else@0 # v1
  second:
    steps:
    - run: exit 3
    - run: echo not reached
    - if: always()
      run: echo always
    - if: failure()
      run: echo failed
    - if: contains(github.ref, 'x')
      run: echo unknown
"""


def run(tmp_path: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and the outcome of each step."""
    (tmp_path / "w.yml").write_text(WORKFLOW)
    command = [sys.executable, SCRIPT, tmp_path / "w.yml", "--folder", tmp_path / "f", "--json", tmp_path / "o.json"]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, json.loads((tmp_path / "o.json").read_text())["steps"]


@pytest.fixture
def _checkout() -> None:
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, check=False, capture_output=True).returncode:
        pytest.skip("not a checkout of git")


@pytest.mark.usefixtures("_checkout")
def test_steps_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "x")
    for lines in (b"x\n", b"x\nx\n"):
        code, steps = run(tmp_path, "--job", "first", "--secret", "WORD=w o r d")
        assert code == 0
        assert [step["outcome"] for step in steps] == [*["ok"] * 5, "skipped", "ok", "not run"]
        assert "someone/else" in steps[-1]["detail"]
        found = sorted(
            (tmp_path / "f").glob("w-first-*/artifacts/lines/lines"), key=lambda path: path.stat().st_mtime
        )
        assert found[-1].read_bytes() == lines  # the second run has the cache of the first
    assert steps[2]["detail"].startswith("cache: key-")


def test_after_a_failure(tmp_path: Path) -> None:
    code, steps = run(tmp_path, "--job", "second")
    assert code == 1
    assert [step["outcome"] for step in steps] == ["failed", "skipped", "ok", "ok", "not run"]
    assert "exit code 3" in steps[0]["detail"]
    _, steps = run(tmp_path, "--job", "second", "--skip", "exit 3")
    assert [step["outcome"] for step in steps] == ["not run", "ok", "ok", "skipped", "not run"]
    _, steps = run(tmp_path, "--job", "second", "--instead", "exit 3", "A=1; true")
    assert [step["outcome"] for step in steps] == ["replaced", "ok", "ok", "skipped", "not run"]


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_each_action_of_the_workflows_has_an_equivalent(path: Path) -> None:
    text = (ROOT / "benchmarks/workflow_actions.py").read_text()
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job["steps"]:
            assert "uses" not in step or f'"{step["uses"].partition("@")[0]}": _' in text
            assert set(step) <= {"uses", "run", "name", "with", "if", "env"}, step


def test_the_gpu_workflow_runs_what_its_storage_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages that did not change are run too if no one has pushed their outputs and a later stage needs them."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/gpu.yml").read_text())
    (command,) = (step["run"] for step in workflow["jobs"]["reproduce"]["steps"] if step.get("name") == "Reproduce")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(
        "stages:\n"
        "  first: {cmd: echo 1 > first, outs: [first]}\n"
        "  second: {cmd: cp first second, params: [x], deps: [first], outs: [second]}\n"
    )
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)

    def run(text: str) -> None:
        done = subprocess.run(["bash", "-ec", text], cwd=folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    run("dvc init --quiet --no-scm && dvc remote add --default storage ../storage && echo 'x: 1' > params.yaml")
    run("dvc repro --quiet")
    shutil.rmtree(folder / ".dvc/cache")
    run("rm first second && echo 'x: 2' > params.yaml")
    run(command)
    assert (folder / "second").read_text() == "1\n"
