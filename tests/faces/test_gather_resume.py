"""The same set, by however many processes, and after however many kills."""

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from archived import SEED, Alone, Task, source, zipped

from faces_for_training import bytes_below
from unseen.data.face_rows import Dropped
from unseen.data.splits import SplitSettings
from unseen.faces import checkpoint, workers
from unseen.faces import gather as gathering
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Job, JobResult, Preprocessing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def task(face_detector_model: bytes, face_settings: FaceSettings) -> Task:
    return Task(Preprocessing(face_detector_model, face_settings, SEED), source())


@pytest.fixture(scope="session")
def pictures(orl_pictures: dict[str, bytes]) -> dict[str, bytes]:
    """40 faces and, among them, four files without one."""
    files = {f"s{number:02d}/1.pgm": data for number, data in enumerate(orl_pictures.values())}
    return files | {f"s{number:02d}/2.txt": b"" for number in range(5, 40, 10)}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_number_of_processes_changes_no_byte(
    tmp_path: Path,
    pictures: dict[str, bytes],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    monkeypatch.setattr(workers, "CHUNK", 3)
    archive = zipped(tmp_path / "faces.zip", pictures)
    counts = task.gather(archive, tmp_path / "processes", tmp_path / "scratch", count)
    assert (counts["kept"], counts["dropped"]) == (40, {"empty": 4})
    monkeypatch.setattr(gathering, "crops", Alone(face_detector))
    task.gather(archive, tmp_path / "none", tmp_path / "scratch")
    assert bytes_below(tmp_path / "processes") == bytes_below(tmp_path / "none")


PROGRAM = """
import os, signal, sys
from pathlib import Path
from archived import SEED, SPLITS, source
from unseen.faces import checkpoint, workers
from unseen.faces.gather import gather
from unseen.faces.settings import FaceSettings
from unseen.core.settings import read_block
from unseen.sources.shared.archive import Entry

archive, model, params, folder, scratch = map(Path, sys.argv[1:6])
count, last = map(int, sys.argv[6:])
checkpoint.BLOCK, workers.CHUNK, read = 4, 3, Entry.read

def watched(entry):
    global last
    last -= 1
    if not last:
        os.kill(os.getpid(), signal.SIGKILL)
    print(entry.name, flush=True)
    return read(entry)

Entry.read = watched
preprocessing = workers.Preprocessing(model.read_bytes(), read_block(params, ["faces"], FaceSettings), SEED)
gather("orl", source(), archive, "0" * 64, preprocessing, SPLITS, folder, scratch, count)
"""


@dataclass(frozen=True)
class Project:
    """A folder in which a process of its own gathers a set."""

    root: Path

    def run(self, count: int, last: int = 0) -> list[str]:
        """Which pictures a run reads; with `last`, it is killed when it comes to that one."""
        command = [sys.executable, "-c", PROGRAM, *(str(self.root / name) for name in ("faces.zip", "model"))]
        command += [str(ROOT / "params.yaml"), str(self.root / "sets/orl"), str(self.root / "scratch")]
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests/faces")])
        done = subprocess.run(
            [*command, str(count), str(last)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (-signal.SIGKILL if last else 0), done.stderr
        return done.stdout.split()

    def remembered(self) -> int:
        """How many pictures' outcomes are written down."""
        return checkpoint.BLOCK * len(list((self.root / "scratch").glob("*/block-*.parquet")))


@pytest.mark.parametrize("count", [1, 2])
def test_a_killed_run_resumes_and_ends_with_the_same_bytes(
    tmp_path: Path,
    pictures: dict[str, bytes],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    monkeypatch.setattr(checkpoint, "BLOCK", 4)
    zipped(tmp_path / "faces.zip", pictures)
    (tmp_path / "model").write_bytes(task.preprocessing.model)
    project, names = Project(tmp_path), sorted(pictures)
    first = project.run(count, last=30)
    assert first == names[:29]
    remembered = project.remembered()
    assert 0 < remembered < 29
    second = project.run(3 - count, last=10)
    assert second == names[remembered : remembered + 9]
    assert not (tmp_path / "sets/orl").exists()
    remembered = project.remembered()
    assert project.run(count) == names[remembered:]
    assert bytes_below(tmp_path / "scratch") == {}
    monkeypatch.setattr(gathering, "crops", Alone(face_detector))
    task.gather(tmp_path / "faces.zip", tmp_path / "whole/orl", tmp_path / "other scratch")
    assert bytes_below(tmp_path / "sets") == bytes_below(tmp_path / "whole")


class Killed(Exception):
    """A run that ends where nobody expects it."""


def interrupted(alone: Alone, after: int) -> Any:
    """Preprocessing that is interrupted after some pictures."""

    def stopped(items: Iterable[Job | Dropped], preprocessing: Preprocessing, count: int) -> Iterator[JobResult]:
        for number, outcome in enumerate(alone(items, preprocessing, count)):
            if number == after:
                raise Killed
            yield outcome

    return stopped


OTHERWISE: dict[str, Callable[[Task], Task]] = {
    "another picture size": lambda task: with_settings(task, settings={"side": 32}),
    "another face detector": lambda task: replace(task, preprocessing=replace(task.preprocessing, model=b"another")),
    "another seed": lambda task: replace(task, preprocessing=replace(task.preprocessing, seed=SEED + 1)),
    "another archive": lambda task: replace(task, sha256="1" * 64),
    "other splits": lambda task: replace(task, splits=SplitSettings(seed=4, val=0.2, test=0.3)),
    "another rule for people": lambda task: replace(task, source=source(identity="s([0-9]+)/")),
    "another name": lambda task: replace(task, name="others"),
}


def with_settings(task: Task, settings: dict[str, Any]) -> Task:
    return replace(
        task,
        preprocessing=replace(task.preprocessing, settings=task.preprocessing.settings.model_copy(update=settings)),
    )


@pytest.fixture
def half_done(
    tmp_path: Path,
    pictures: dict[str, bytes],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, list[str]]:
    """An archive of which 13 pictures were looked at and 12 are remembered, and all their names."""
    monkeypatch.setattr(checkpoint, "BLOCK", 4)
    few = dict(sorted(pictures.items())[:20])
    archive = zipped(tmp_path / "faces.zip", few)
    monkeypatch.setattr(gathering, "crops", interrupted(Alone(face_detector), 13))
    with pytest.raises(Killed):
        task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert not (tmp_path / "set").exists()
    return archive, sorted(few)


@pytest.mark.parametrize("change", [None, *OTHERWISE])
def test_a_checkpoint_of_other_inputs_is_not_used(
    tmp_path: Path,
    half_done: tuple[Path, list[str]],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
    change: str | None,
) -> None:
    archive, names = half_done
    alone = Alone(face_detector)
    monkeypatch.setattr(gathering, "crops", alone)
    task = OTHERWISE[change](task) if change else task
    counts = task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert alone.looked == (names if change else names[12:])
    assert counts["read"] == 20


@pytest.mark.parametrize(
    ("name", "value"), [("own_code", {"unseen.faces.preprocess": "0" * 64}), ("version", "99.0")]
)
def test_a_checkpoint_of_other_code_or_libraries_is_not_used(
    tmp_path: Path,
    half_done: tuple[Path, list[str]],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: Any,
) -> None:
    archive, names = half_done
    alone = Alone(face_detector)
    monkeypatch.setattr(gathering, "crops", alone)
    monkeypatch.setattr(gathering, name, lambda *_: value)
    task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert alone.looked == names


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def within(path: Path, files: dict[str, bytes]) -> Path:
    inner = zipped(path.with_name("inner.zip"), files)
    return zipped(path, {"inner.zip": inner.read_bytes(), "s01/1.pgm": b"not looked into"})


@pytest.mark.parametrize(("pack", "inside"), [(zipped, ""), (tarred, ""), (within, "inner.zip")])
def test_a_run_resumes_in_every_kind_of_archive(
    tmp_path: Path,
    pictures: dict[str, bytes],
    task: Task,
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[Path, dict[str, bytes]], Path],
    inside: str,
) -> None:
    """Also where a picture's row was taken by one from before the kill, and where a row is of another source."""
    monkeypatch.setattr(checkpoint, "BLOCK", 4)
    few = dict(sorted(pictures.items())[:16])
    files = {"s00/twice.pgm": few["s01/1.pgm"], "s00/other.pgm": few["s02/1.pgm"], **few}
    files["s99/twice.pgm"] = few["s03/1.pgm"]
    lines = ["path,of,age", "twice.pgm,us,1", "s00/other.pgm,them,2", *(f"{name},us,30" for name in few)]
    archive = pack(tmp_path / "archive", {**files, "all.csv": "\n".join(lines).encode()})
    table = {"file": "*.csv", "name": "path", "where": {"of": "us"}}
    age = {"age": {"column": "age", "match": "(.+)"}}
    task = replace(task, source=source(inside=inside, members="s*/*", table=table, attributes=age))
    alone = Alone(face_detector)
    monkeypatch.setattr(gathering, "crops", interrupted(alone, 10))
    with pytest.raises(Killed):
        task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    alone.looked.clear()
    monkeypatch.setattr(gathering, "crops", alone)
    counts = task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert alone.looked == sorted(few)[7:]  # after eight, of which the first is not of the few
    assert counts["dropped"] == {"empty": 1, "row_taken": 1}
    assert counts["read"] == len(files) - 1
    task.gather(archive, tmp_path / "whole", tmp_path / "scratch")
    assert bytes_below(tmp_path / "set") == bytes_below(tmp_path / "whole")
