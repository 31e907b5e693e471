"""`unseen doctor --cache`: damaged objects of DVC's cache, which DVC restores without a word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unseen.commands.dvc_cache import _stages

from .program import run

PIPELINE = """\
stages:
  write:
    cmd: python write.py
    deps: [write.py]
    outs: [out, alone]
"""
SCRIPT = """\
from pathlib import Path
Path("out").mkdir()
for name in "ab":
    Path("out", name).write_text(f"content of {name}")
Path("alone").write_text("alone")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran") / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "write.py").write_text(SCRIPT)
    dvc(folder, "repro")
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "DVC_SITE_CACHE_DIR": str(folder.parent / "site")}
    done = subprocess.run(["dvc", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished project, as the current folder."""
    shutil.copytree(ran, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def of(text: bytes) -> Path:
    """The object with these bytes."""
    (found,) = [path for path in Path(".dvc/cache/files/md5").glob("??/*") if path.read_bytes() == text]
    return found


def damage(file: Path, content: bytes = b"") -> Path:
    mode = file.stat().st_mode
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_an_object_that_is_damaged_everywhere_is_made_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a power cut leaves it. DVC alone restores the damaged file and says that all is up to date."""
    damaged = damage(of(b"content of a"))
    damage(Path("out/a"))
    assert "cached - skipping run" in dvc(project, "repro")
    assert Path("out/a").read_bytes() == b""
    assert "up to date" in dvc(project, "status")

    code, printed, _ = run(capsys, "doctor", "--cache")
    assert (code, printed[0]) == (1, f"{damaged}: damaged (out/a)")
    assert printed[1].startswith("4 objects of the DVC cache read; run `unseen doctor --cache --repair`")
    code, printed, _ = run(capsys, "doctor", "--cache", "--repair")
    assert (code, printed[:2]) == (0, ["out/a: damaged, deleted", f"{damaged}: damaged, deleted"])
    assert "Running stage 'write'" in dvc(project, "repro")
    assert Path("out/a").read_bytes() == b"content of a"
    assert run(capsys, "doctor", "--cache") == (0, ["4 objects of the DVC cache read; none is damaged"], [])


def test_objects_are_restored_from_the_workspace(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = b"content of a", b"alone"
    damaged = [damage(of(text), bytes([text[0] ^ 1]) + text[1:]) for text in texts]
    assert run(capsys, "doctor", "--cache", "--repair")[0] == 0
    assert [path.read_bytes() for path in damaged] == [*texts]
    assert {path.stat().st_mode & 0o777 for path in damaged} == {0o444}


def test_the_list_of_a_folder(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (listing,) = Path(".dvc/cache/files/md5").glob("??/*.dir")
    damage(listing)
    assert run(capsys, "doctor", "--cache", "--repair")[0] == 0
    assert not listing.exists()
    dvc(project, "repro")
    assert listing.exists()


def test_what_dvc_itself_refuses_to_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rwlock, lock = Path(".dvc/tmp/rwlock"), Path("dvc.lock")
    damage(rwlock)
    code, printed, _ = run(capsys, "doctor", "--cache")
    assert (code, printed[0]) == (1, ".dvc/tmp/rwlock: damaged")
    damage(lock)
    code, printed, _ = run(capsys, "doctor", "--cache", "--repair")
    assert code == 1
    assert printed[0].startswith("dvc.lock: damaged; `git checkout dvc.lock` or delete it")
    assert not rwlock.exists()
    lock.unlink()
    assert "cached - skipping run" in dvc(project, "repro")


def test_a_lock_file_that_is_restored_from_its_copy(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kill while DVC writes dvc.lock leaves an empty file, and then DVC runs nothing."""
    lock, copy = Path("dvc.lock"), Path(".scratch/dvc.lock")
    whole = lock.read_bytes()
    copy.parent.mkdir()
    for content in (b"", b"schema: '2."):
        copy.write_bytes(whole)
        damage(lock, content)
        code, printed, _ = run(capsys, "doctor", "--cache", "--repair")
        assert (code, printed[0]) == (0, "dvc.lock: damaged, restored from .scratch/dvc.lock")
        assert lock.read_bytes() == whole
    assert "up to date" in dvc(project, "status")
    copy.write_bytes(b"")
    damage(lock)
    assert run(capsys, "doctor", "--cache", "--repair")[0] == 1


def test_a_lock_file_that_was_cut_anywhere_is_damaged(project: Path) -> None:
    """Some of the cut files are valid YAML, and DVC reads them without what is missing."""
    whole = Path("dvc.lock").read_bytes()
    assert _stages(Path("dvc.lock"))
    for end in range(len(whole)):
        Path("cut.lock").write_bytes(whole[:end])
        if whole[:end].endswith(b"\n"):
            continue  # can be the end of a shorter file
        assert _stages(Path("cut.lock")) is None, whole[:end]


def test_a_cut_lock_file_that_dvc_refuses_is_damaged(project: Path) -> None:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    whole = Path("dvc.lock").read_text()
    refused = 0
    for end in range(len(whole)):
        Path("cut.lock").write_text(whole[:end])
        try:
            COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(whole[:end]))
        except (Invalid, yaml.YAMLError):
            refused += 1
            assert _stages(Path("cut.lock")) is None, whole[:end]
    assert refused > 100


def test_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(capsys, "doctor", "--cache")
    assert code == 2
    assert "no DVC cache to check" in errors[0]
    assert run(capsys, "doctor", "--repair") == (2, [], ["unseen: --repair needs --cache"])
