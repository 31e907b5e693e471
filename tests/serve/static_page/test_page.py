"""The files of the static page."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import unseen
from unseen.cli import main
from unseen.core.errors import UserError
from unseen.serve.static_page import page
from unseen.serve.static_page.page import OWN, POLICY, known_crop, write_page
from unseen.serve.static_page.runtime import PACKAGE

FILES = Path(page.__file__).parent / "files"


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "runtime_files", lambda _: {"ort.js": b"script", "ort.wasm": b"code"})


def test_all_that_the_page_needs_is_in_its_folder(drawn_export: Path, tmp_path: Path) -> None:
    write_page(drawn_export, tmp_path / "out")
    out = tmp_path / "out"
    text = (out / "index.html").read_text()
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in text
    assert "What this page can't do" in text
    assert "sent to this server" not in text
    links = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert links
    scripts = sorted((out / "files").glob("*.js"))
    for script in scripts:
        links += [f"files/{name}" for name in re.findall(r'from "\./([^"]+)"', script.read_text())]
        assert "://" not in script.read_text(), f"{script.name}: names an address"
    for link in links:
        assert (out / link).is_file(), link
    assert {script.name for script in scripts} >= set(OWN)
    about = json.loads((out / "about.json").read_text())
    for name, digest in about["files"].items():
        (file,) = out.rglob(name)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert set(about["files"]) == {"detector.onnx", "face_detector.onnx", "ort.js", "ort.wasm"}
    assert (out / "files" / PACKAGE / "ort.wasm").read_bytes() == b"code"


def test_what_the_page_knows_about_the_detector(drawn_export: Path, tmp_path: Path) -> None:
    write_page(drawn_export, tmp_path / "out")
    about = json.loads((tmp_path / "out/about.json").read_text())
    detector = unseen.load(drawn_export, backend="onnx")
    assert about["scope"] == json.loads(json.dumps(detector.scope.as_dict()))
    assert about["card"] == (drawn_export / "card.md").read_text()
    assert about["run"]["gate"] == json.loads((drawn_export / "gate.json").read_text())
    assert about["run"]["calibration"]["threshold"] == detector.threshold
    side = about["known"]["side"]
    assert about["known"]["logit"] == pytest.approx(detector.loaded.network.logits([known_crop(side)])[0])


def test_the_known_crop_does_not_overflow() -> None:
    crop = known_crop(64).ravel()
    assert crop.tolist() == [(i * 2654435761 % 2**32) >> 24 for i in range(3 * 64 * 64)]
    assert np.unique(crop).size == 256


def test_every_script_is_listed() -> None:
    assert sorted(file.name for file in FILES.iterdir()) == sorted(OWN)


def test_other_files_are_not_replaced(drawn_export: Path, tmp_path: Path) -> None:
    write_page(drawn_export, tmp_path / "out")
    (tmp_path / "out/left").write_text("of the earlier page")
    write_page(drawn_export, tmp_path / "out")
    assert not (tmp_path / "out/left").exists()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="contains other files, which would be lost"):
        write_page(drawn_export, tmp_path / "photos")
    assert (tmp_path / "photos/a.jpg").exists()


def test_the_command(drawn_export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(drawn_export), "--static", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path / 'out'}: the page of drawn, ")
    assert "`not flagged` does not mean real" in printed.err
    assert main(["serve", str(drawn_export), "--onnxruntime-web", "a.tgz"]) == 2
    assert "give --static DIR too" in capsys.readouterr().err
    assert main(["serve", str(tmp_path), "--static", str(tmp_path / "b")]) == 2
    assert "unseen export" in capsys.readouterr().err
