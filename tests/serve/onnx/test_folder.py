"""Opening an export: what is read, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import unseen
from unseen.core.errors import UserError
from unseen.serve.onnx.folder import open_exported


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """An export that the test may change."""
    shutil.copytree(exported, tmp_path / "copy")
    return tmp_path / "copy"


def change(folder: Path, **values: object) -> None:
    card = json.loads((folder / "detector.json").read_text())
    (folder / "detector.json").write_text(json.dumps(card | values))


def test_the_export_within_a_detectors_folder(exported: Path, drawn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(drawn, folder)
    with pytest.raises(UserError, match=r"no detector\.onnx here.*unseen export"):
        open_exported(folder)
    shutil.copytree(exported, folder / "onnx")
    assert open_exported(folder).folder == folder / "onnx"
    change(folder, sha256={"weights.safetensors": "0" * 64})
    with pytest.raises(UserError, match="made from other weights than those in"):
        open_exported(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "detector.onnx").write_bytes(b""), r"detector\.onnx: damaged \(its SHA-256"),
        (lambda folder: (folder / "face_detector.onnx").unlink(), r"face_detector\.onnx: can't be read"),
        (lambda folder: (folder / "detector.json").write_text("{"), r"detector\.json: damaged"),
        (lambda folder: (folder / "detector.json").write_text("[]"), "it has no entry `onnx`"),
        (lambda folder: change(folder, onnx={"format": 2}), "format 2, and this version reads 1"),
        (lambda folder: change(folder, calibration={}), r"detector\.json: damaged \(KeyError"),
        (lambda folder: change(folder, seed=None), r"detector\.json: damaged"),
    ],
)
def test_a_damaged_export_is_one_line(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises(UserError, match=message) as caught:
        open_exported(copy)
    assert "\n" not in str(caught.value)


def test_the_api_names_the_right_backend(exported: Path) -> None:
    with pytest.raises(UserError, match="an exported detector; use the backend onnx"):
        unseen.load(exported)
    with pytest.raises(UserError, match="runs on the CPU"):
        unseen.load(exported, backend="onnx", device="cuda")
    assert unseen.load(exported, backend="onnx").scope.threshold == 0.5
