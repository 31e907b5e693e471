"""The stage `folder` as DVC runs it: a change in a user's folder is noticed by `dvc status` and by `dvc repro`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import PARAMS, ROOT
from unseen.core.yaml_text import read_yaml

Dvc = Callable[..., tuple[int, str]]


@pytest.fixture
def dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dvc:
    """A project whose graph is this stage alone, with a folder outside of it; runs DVC in it."""
    project = tmp_path / "the project"
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"folder": graph["folder"]}}))
    pictures = tmp_path / "pictures, ä"
    (pictures / "s1").mkdir(parents=True)
    for number in range(3):
        (pictures / f"s1/{number}.jpg").write_bytes(b"%d" % number)
    params = read_yaml(PARAMS) | {"folders": {"mine": {"path": str(pictures)}}}
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    monkeypatch.chdir(project)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}

    def run(*command: str) -> tuple[int, str]:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("dvc", "init", "--no-scm", "--quiet")[0] == 0
    return run


def stale(dvc: Dvc) -> list[str]:
    return list(json.loads(dvc("dvc", "status", "--json")[1] or "{}"))


def test_a_changed_folder_is_noticed_and_the_user_decides(dvc: Dvc, tmp_path: Path) -> None:
    pictures, packed = tmp_path / "pictures, ä", Path("data/raw/mine/pictures.zip")
    code, printed = dvc("dvc", "repro")
    assert code == 0, printed
    assert stale(dvc) == []
    before = packed.read_bytes()

    (pictures / "s1/3.jpg").write_bytes(b"3")
    (pictures / "s1/0.jpg").unlink()
    assert stale(dvc) == ["folder@mine"]
    code, printed = dvc("dvc", "repro")
    assert code != 0
    assert "changed since it was first read: 1 added (s1/3.jpg), 1 removed (s1/0.jpg); accept the change" in printed
    assert packed.read_bytes() == before, "nothing is lost"

    (pictures / "s1/3.jpg").unlink()
    (pictures / "s1/0.jpg").write_bytes(b"0")
    assert stale(dvc) == [], "restored"

    (pictures / "s1/0.jpg").write_bytes(b"9")
    assert dvc("dvc", "repro")[0] != 0
    assert dvc(sys.executable, "-c", "from unseen.cli import main; main(['accept', 'mine'])")[0] == 0
    code, printed = dvc("dvc", "repro")
    assert code == 0, printed
    assert stale(dvc) == []
    assert packed.read_bytes() != before
