"""Opening an export: what is read, and what is refused."""

import json
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

import unseen
from unseen.core.errors import UserError
from unseen.gate.limits import FILE, Limits
from unseen.serve.bulk.run import prepare
from unseen.serve.bulk.scorer import Scorer, files_of
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
    with pytest.raises(UserError, match="made from weights other than those in"):
        open_exported(folder)


def test_an_export_that_would_give_other_verdicts_than_its_detector(
    exported: Path, drawn: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(drawn, folder)
    shutil.copytree(exported, folder / "onnx")
    calibration = json.loads((folder / "detector.json").read_text())["calibration"]
    change(folder, calibration={**calibration, "threshold": 0.6})
    with pytest.raises(UserError, match="its calibration differs from"):
        open_exported(folder)
    change(folder, calibration=calibration)
    limits = Limits(0.0, 9.0, 5000.0, 9.0, {"reals": 9, "fakes": 9}, {"reals": 0.0, "fakes": 0.0})
    (folder / FILE).write_text(json.dumps(limits.as_dict()))
    with pytest.raises(UserError, match=r"its gate\.json differs from"):
        open_exported(folder)
    shutil.copy(folder / FILE, folder / "onnx")
    assert unseen.load(folder, backend="onnx").loaded.gate == limits


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "detector.onnx").write_bytes(b""), r"detector\.onnx: damaged \(its SHA-256"),
        (lambda folder: (folder / "face_detector.onnx").unlink(), r"face_detector\.onnx: can't be read"),
        (lambda folder: (folder / "detector.json").write_text("{"), r"detector\.json: damaged"),
        (lambda folder: (folder / "detector.json").write_text("[]"), "it has no entry `onnx`"),
        (lambda folder: change(folder, onnx={"format": 2}), "format 2, and this version reads 1"),
        (
            lambda folder: change(folder, calibration={}),
            r"detector\.json: damaged \(ValueError: `calibration.temperature` is missing",
        ),
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


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install -e '.[bulk]'")
def test_bulk_sends_the_export_within_a_detectors_folder(exported: Path, drawn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(drawn, folder)
    shutil.copytree(exported, folder / "onnx")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(b"no picture")
    bulk = prepare(str(tmp_path / "in"), str(tmp_path / "out"), folder, backend="onnx")
    assert Scorer(bulk.detector["name"], bulk.files, "onnx").detector.name == "drawn"


def test_a_worker_writes_only_below_its_own_folder(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is of detector.json, which somebody else may have written."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert Scorer("../elsewhere", files_of(exported), "onnx").detector.name == "drawn"
    assert list(tmp_path.iterdir()) == []
