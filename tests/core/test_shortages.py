"""What an exception says that the machine lacks, and how stages and commands print it."""

import errno
import io
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from conftest import ROOT
from unseen import cli
from unseen.core.scratch import Scratch
from unseen.core.shortages import shortage_of
from unseen.faces.decode import BadPictureError, decode
from unseen.sources.shared.archive import members

MEMORY = "free some memory, or raise its limit"


@pytest.mark.parametrize(
    ("error", "what", "file", "advice"),
    [
        (OSError(errno.ENOSPC, "x", "gone/a"), "No space left on device", "gone/a", "free some space"),
        (OSError(errno.EROFS, "x", "gone/a"), "Read-only file system", "gone/a", "check the permissions"),
        (OSError(errno.EMFILE, "x"), "Too many open files", "", "raise the limit on open files (`ulimit -n`)"),
        (OSError(errno.ENOMEM, "x"), "Cannot allocate memory", "", MEMORY),
        (OSError(errno.EIO, "x", "gone/a"), "Input/output error", "gone/a", "check the disk"),
        (MemoryError(), "Cannot allocate memory", "", MEMORY),
        (RuntimeError("std::bad_alloc"), "Cannot allocate memory", "", MEMORY),
        (ImportError("libx.so: failed to map segment from shared object"), "Cannot allocate memory", "", MEMORY),
        (
            RuntimeError("can't start new thread"),
            "no more threads can be started",
            "",
            "raise the limit on processes",
        ),
    ],
)
def test_what_is_lacking(error: Exception, what: str, file: str, advice: str) -> None:
    found = shortage_of(error)
    assert found
    assert (found.what, found.file) == (what, file)
    assert found.advice.startswith(advice)


def test_the_cause_of_an_exception_counts() -> None:
    error = ValueError("a part failed")
    assert shortage_of(error) is None
    error.__cause__ = MemoryError()
    assert shortage_of(error)


def test_what_torch_raises() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    found = shortage_of(raised.value)
    assert found
    assert found.what == "Cannot allocate memory"


def test_a_folder_that_can_not_be_copied(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "old" / name).mkdir(parents=True)
        (tmp_path / "old" / name / "file").touch()

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)

    with pytest.raises(shutil.Error) as raised:
        shutil.copytree(tmp_path / "old", tmp_path / "new", copy_function=full)
    found = shortage_of(raised.value)
    assert found
    assert (found.what, Path(found.file).name) == ("No space left on device", "file")


def test_no_inodes_are_told_from_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*real[:6], 0, *real[7:])))
    found = shortage_of(OSError(errno.ENOSPC, "x", str(tmp_path / "missing/file")))
    assert found
    assert found.what == ("No inodes left on device" if real.f_files else "No space left on device")


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), FileNotFoundError(errno.ENOENT, "x", "file"), KeyError("allocations"), OSError("x")],
)
def test_other_exceptions_are_not_shortages(error: Exception) -> None:
    assert shortage_of(error) is None


STAGE = """
import sys
sys.path.insert(0, {stages!r})
sys.argv = ["stages/train_gan.py", "dcgan"]
import _stage
{work}
"""
WORK = {
    "import": "raise ImportError('libtorch.so: failed to map segment from shared object')",
    "run": """
def work(_):
    raise MemoryError
_stage.check_params = lambda: None
_stage.run(work)""",
    "taken for damage": """
from unseen.core.errors import UserError
def work(_):
    try:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    except Exception:
        raise UserError("weights: damaged; remove the file") from None
_stage.check_params = lambda: None
_stage.run(work)""",
    "scratch": """
_stage._state_of_check = lambda: "changed"
_stage.run(print)""",
}


def stage(way: str, folder: Path, **limits: int) -> subprocess.CompletedProcess[str]:
    """A stage that lacks something; `limits` are names of `resource` and values."""

    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    program = STAGE.format(stages=str(ROOT / "stages"), work=WORK[way])
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False, preexec_fn=limit
    )


@pytest.mark.parametrize("way", ["import", "run", "taken for damage"])
def test_a_stage_says_it_in_one_line(way: str, tmp_path: Path) -> None:
    done = stage(way, tmp_path)
    expected = f"train_gan dcgan: Cannot allocate memory; {MEMORY}, then run `dvc repro` again\n"
    assert (done.stderr, done.returncode) == (expected, 1)


def test_the_state_of_the_check_can_not_be_written(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    done = stage("scratch", tmp_path, RLIMIT_FSIZE=0)
    assert done.returncode == 1
    assert done.stderr.startswith("train_gan dcgan: File too large (.scratch/checked_params); ")
    assert len(done.stderr.splitlines()) == 1


def test_the_check_of_params_says_it_in_one_line(tmp_path: Path) -> None:
    """Its process imports everything that a run needs, so it is the first that lacks memory."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    program = f"""
import runpy, sys

class NoMemory:
    @staticmethod
    def find_spec(name, *_):
        if name == "pydantic":
            raise MemoryError

sys.meta_path.insert(0, NoMemory)
sys.path.insert(0, {str(ROOT / "stages")!r})
sys.argv = ["stages/_check.py", "params.yaml"]
runpy.run_path({str(ROOT / "stages/_check.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    expected = f"check params.yaml: Cannot allocate memory; {MEMORY}, then run `dvc repro` again\n"
    assert (done.stderr, done.returncode) == (expected, 1)


def test_a_command_says_it_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def short(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr("unseen.commands.check.run", short)
    assert cli.main(["check", "params.yaml"]) == 2
    assert capsys.readouterr().err == f"unseen: Cannot allocate memory; {MEMORY}\n"


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOMEM, "x")

    monkeypatch.setattr("unseen.core.shortages.mmap.mmap", refused)


def short(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize("part", ["PIL.Image.open", "PIL.ImageFile.ImageFile.load"])
def test_a_picture_is_not_dropped_where_memory_is_short(
    part: str, monkeypatch: pytest.MonkeyPatch, portrait: Image.Image
) -> None:
    """Otherwise it would be missing from the set, and nobody would know."""
    portrait.save(buffer := io.BytesIO(), "PNG")
    monkeypatch.setattr(part, short)
    with pytest.raises(MemoryError):
        decode(buffer.getvalue(), 10**8)


def test_a_picture_that_asks_for_too_much_memory_is_damaged(
    monkeypatch: pytest.MonkeyPatch, portrait: Image.Image
) -> None:
    portrait.save(buffer := io.BytesIO(), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", short)
    with pytest.raises(BadPictureError, match="damaged"):
        decode(buffer.getvalue(), 10**8)


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize("packed", ["faces.zip", "faces.tar"])
def test_a_file_of_an_archive_is_not_dropped_where_memory_is_short(
    packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as made:
        made.writestr("a.jpg", b"a")
    with tarfile.open(tmp_path / "faces.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"), io.BytesIO())
    assert [member.refused for member in members(tmp_path / packed, "*")] == [""]
    monkeypatch.setattr("zipfile.ZipExtFile.read", short)
    monkeypatch.setattr("tarfile.TarFile.next", short)
    with pytest.raises(MemoryError):
        list(members(tmp_path / packed, "*"))


def test_a_disk_that_can_not_be_read_drops_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as made:
        made.writestr("a.jpg", b"a")

    def bad_sector(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("zipfile.ZipExtFile.read", bad_sector)
    with pytest.raises(OSError, match="Input/output error"):
        list(members(tmp_path / "faces.zip", "*"))


def test_a_checkpoint_is_kept_where_memory_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch(tmp_path, "gan", 1)
    scratch.save({"step": 1})

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(RuntimeError, match="can't allocate"):
        scratch.load()
    monkeypatch.undo()
    assert scratch.load() == {"step": 1}
