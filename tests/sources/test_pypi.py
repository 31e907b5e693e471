import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.sources.kinds.pypi import Settings as PypiArchive
from unseen.sources.kinds.pypi import fetch


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the registry: pip asks nobody else."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def make_wheel(registry: Path) -> Path:
    wheel = registry / "tiny_faces-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "tiny_faces-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-faces\nVersion: 1.0\n"
        )
        archive.writestr("tiny_faces-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_faces-1.0.dist-info/RECORD", "")
    return wheel


def settings(package: str = "tiny-faces", version: str = "1.0") -> PypiArchive:
    return PypiArchive(kind="pypi", package=package, version=version, sha256="0" * 64)


def refusal(wanted: PypiArchive, target: Path) -> str:
    """The message of a refused fetch, which left nothing behind."""
    with pytest.raises(UserError) as caught:
        fetch(wanted, target, target.parent / "unused")
    assert list(target.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wheel_comes_as_it_is(registry: Path, target: Path) -> None:
    wheel = make_wheel(registry)
    fetched = fetch(settings(), target, target.parent / "unused")
    assert list(target.iterdir()) == [fetched]
    assert fetched.name == wheel.name
    assert fetched.read_bytes() == wheel.read_bytes()


def test_an_unknown_package_says_what_to_do(registry: Path, target: Path) -> None:
    message = refusal(settings("no-such-package"), target)
    assert "no-such-package==1.0" in message
    assert "PIP_FIND_LINKS" in message


def test_another_version_is_not_taken(registry: Path, target: Path) -> None:
    make_wheel(registry)
    assert "tiny-faces==2.0" in refusal(settings(version="2.0"), target)


def test_a_source_distribution_is_refused_and_not_run(registry: Path, target: Path, tmp_path: Path) -> None:
    marker = tmp_path / "setup_was_run"
    setup = f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(name='tiny-faces', version='1.0')\n"
    with tarfile.open(registry / "tiny-faces-1.0.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("tiny-faces-1.0/setup.py")
        info.size = len(setup)
        archive.addfile(info, io.BytesIO(setup.encode()))
    assert "tiny-faces==1.0" in refusal(settings(), target)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("printed", "kind", "message"),
    [
        ("ERROR: Exception:\nTraceback ...\nOSError: [Errno 28] No space left on device", OSError, "No space left"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", PermissionError, "Permission denied"),
        ("Traceback ...\nMemoryError", MemoryError, "target"),
    ],
)
def test_what_pip_lacks_is_not_the_fault_of_the_registry(
    printed: str, kind: type[Exception], message: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 2, "", printed)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(kind, match=message):
        fetch(settings(), target, target.parent / "unused")


def test_a_pip_that_is_killed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert "pip was killed" in refusal(settings(), target)
