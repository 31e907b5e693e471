"""The wheel: it holds every file of the package, and works outside of a checkout with a detector's folder alone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from serve.test_predict import make_artifact
from unseen.faces.settings import FaceSettings

ROOT = Path(__file__).resolve().parents[1]

USE = """
import sys, unseen
detector = unseen.load(sys.argv[1])
(face,) = detector.predict(sys.argv[2])
print(unseen.__file__, face.verdict, len(unseen.to_frame(detector.predict([sys.argv[2]]))))
from unseen.cli import main
sys.exit(main(["predict", "--detector", *sys.argv[1:], "--gallery", "a.html"]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a connection, from a copy: setuptools writes beside the sources."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "src", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "copy" / name).write_bytes((ROOT / name).read_bytes())
    build = "import setuptools.build_meta as b; b.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=folder / "copy", capture_output=True, check=True)
    (found,) = folder.glob("*.whl")
    return found


def test_every_file_of_the_package_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("unseen/")}
    source = wheel.parent / "copy/src"
    files = {path.relative_to(source).as_posix() for path in (source / "unseen").rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} == packed


def test_it_works_outside_of_a_checkout(
    wheel: Path, tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings, portrait: Image.Image
) -> None:
    with zipfile.ZipFile(wheel) as archive:  # as `pip install --no-deps --target` does
        archive.extractall(tmp_path / "installed")
    make_artifact(tmp_path / "drawn", face_detector_model, face_settings)
    portrait.save(tmp_path / "a.png")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(
        [sys.executable, "-c", USE, "drawn", "a.png"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == f"{tmp_path / 'installed/unseen/__init__.py'} unsure 1"
    assert "data:image/jpeg" in (tmp_path / "a.html").read_text(encoding="utf-8")
