"""What `benchmarks/kills*.py` rest on: which files a reboot cuts, which stages are killed, what counts as equal."""

import importlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

WRITES = """
import io
from pathlib import Path
import torch
from unseen.core.files import atomic_file, atomic_folder
from unseen.core.json_files import write_json
from unseen.core.scratch import Scratch
from unseen.core.sealed import write_sealed
from unseen.data.predictions import write_predictions

with atomic_file(Path("data/file")) as part:
    part.write_bytes(b"file")
with atomic_folder(Path("data/folder")) as part:
    (part / "below").mkdir()
    (part / "one").write_bytes(b"one")
    (part / "below/two").write_bytes(b"two")
with atomic_folder(Path("data/folder")) as part:
    (part / "one").write_bytes(b"replaced")
write_json(Path("metrics/one.json"), {"a": 1})
write_sealed(Path(".scratch/block"), b"sealed")
Scratch(Path(".scratch"), "training", 1).save({"step": 1, "weights": torch.zeros(3)})
write_predictions(Path("data/predictions.parquet"), [])
Path("data/plain").write_bytes(b"plain")
"""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules of the benchmark."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "benchmarks")])
    return {name: importlib.import_module(name) for name in ("kills", "kills_faults", "kills_run")}


def lock(folder: Path, stages: dict[str, tuple[list[str], list[str]]]) -> None:
    """A dvc.lock with the deps and outs of stages."""

    def entries(paths: list[str]) -> list[dict[str, str]]:
        return [{"path": path, "md5": f"hash of {path}"} for path in paths]

    found = {name: {"deps": entries(deps), "outs": entries(outs)} for name, (deps, outs) in stages.items()}
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": found}))


def test_a_reboot_cuts_no_file_that_was_written_by_rename(tmp_path: Path, kills: dict[str, Any]) -> None:
    """The note of what was flushed is taken by the same code as in the benchmark."""
    project, site, log = tmp_path / "project", tmp_path / "site", tmp_path / "flushed"
    project.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(kills["kills_faults"].FLUSHED)
    path = os.pathsep.join([str(site), str(ROOT / "src")])
    env = {**os.environ, "PYTHONPATH": path, "KILLS_FLUSHED": str(log)}
    began = time.time_ns()
    subprocess.run([sys.executable, "-c", WRITES], cwd=project, env=env, check=True)

    class Always(random.Random):
        def random(self) -> float:
            return 0.0

    files = {file: file.stat().st_size for file in project.rglob("*") if file.is_file()}
    assert len(files) == 7
    assert kills["kills_faults"].cut_unflushed(project, began, log, Always()) == ["data/plain"]
    assert [file.name for file, size in files.items() if file.stat().st_size != size] == ["plain"]


def test_each_family_of_stages_is_killed_once_before_random_moments(kills: dict[str, Any]) -> None:
    durations = {"faces@a": 1.0, "faces@b": 1.0, "train_gan@a": 100.0, "report": 1.0}
    reference = kills["kills_run"].Project(Path(), {}, 0, durations)
    names = kills["kills"].stage_names(reference, 50, random.Random(0))
    assert len(names) == 50
    assert [name.split("@")[0] for name in names[:3]] == ["faces", "train_gan", "report"]
    assert names.count("train_gan@a") > 40


def test_what_reads_a_stage_is_found_through_folders(tmp_path: Path, kills: dict[str, Any]) -> None:
    stages = {
        "faces@a": (["data/raw/a"], ["data/faces/people/a"]),
        "face_sets": (["data/faces"], ["data/sets/faces"]),
        "train": (["data/sets/faces/people"], ["models/x"]),
        "alone": (["data/setsandmore"], ["metrics/alone"]),
    }
    lock(tmp_path, stages)
    project = kills["kills_run"].Project(tmp_path, {})
    assert project.readers("faces@a") == {"face_sets", "train"}
    assert project.readers("train") == set()


def test_a_changed_missing_or_added_file_differs(tmp_path: Path, kills: dict[str, Any]) -> None:
    module = kills["kills_run"]
    projects = []
    for name in ("unbroken", "killed"):
        folder = tmp_path / name
        (folder / "models/x").mkdir(parents=True)
        lock(folder, {"train": ([], ["models/x", "metrics/speed/x.json"])})
        for file in ("a", "b"):
            (folder / "models/x" / file).write_text(file)
        projects.append(module.Project(folder, {}))
    unbroken, killed = projects
    unbroken.bytes = module.output_bytes(unbroken.folder)
    assert module.differing(unbroken, killed, module.output_bytes(killed.folder)) == []
    (killed.folder / "models/x/a").write_text("c")
    (killed.folder / "models/x/b").unlink()
    (killed.folder / "models/x/c").write_text("c")
    found = module.differing(unbroken, killed, module.output_bytes(killed.folder))
    assert found == ["models/x/a", "models/x/b", "models/x/c"]
    assert module.differing(unbroken, killed, {}) == ["models/x/a", "models/x/b"]


def test_a_kill_reaches_processes_in_other_groups(tmp_path: Path, kills: dict[str, Any]) -> None:
    child = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    )
    child += " start_new_session=True); print(p.pid, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    grandchild = int(process.stdout.readline())
    kills["kills_run"].kill_all(process.pid)
    assert process.wait(10) == -9
    end = time.monotonic() + 10
    while time.monotonic() < end and _runs(grandchild):
        time.sleep(0.01)
    assert not _runs(grandchild)


def _runs(pid: int) -> bool:
    """Whether a process runs: it is neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
