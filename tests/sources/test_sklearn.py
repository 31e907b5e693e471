"""scikit-learn's own fetchers, against a server on loopback that holds small archives of the same shape."""

import errno
import hashlib
import io
import pickle
import shutil
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from loopback import Site, serving
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import _base, _lfw, _olivetti_faces

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.sources.kinds import sklearn
from unseen.sources.kinds.sklearn import Settings as SklearnArchive
from unseen.sources.shared import archive

LFW = SklearnArchive(kind="sklearn", dataset="lfw_people")
OLIVETTI = SklearnArchive(kind="sklearn", dataset="olivetti_faces")
PAIRS = ["pairsDevTrain.txt", "pairsDevTest.txt", "pairs.txt"]

pytestmark = pytest.mark.filterwarnings("ignore:Retry downloading")


def photo(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (250, 250), (shade, 100, 200)).save(buffer, "jpeg")
    return buffer.getvalue()


PHOTOS = {
    "Jörg_One/Jörg_One_0001.jpg": photo(10),
    "Two_Photos/Two_Photos_0001.jpg": photo(20),
    "Two_Photos/Two_Photos_0002.jpg": photo(30),
}
PUBLISHED = np.random.default_rng(1).integers(0, 243, (400, 64, 64), dtype=np.uint8)
PUBLISHED[0, 0, :2] = (0, 242)  # as in the real one, the darkest and the brightest


def lfw_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        for name, data in {"pairs_01.txt": b"no picture", **PHOTOS}.items():
            info = tarfile.TarInfo(f"lfw_funneled/{name}")
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def olivetti_file() -> bytes:
    buffer = io.BytesIO()
    # MATLAB's order: a column a picture, each column by columns
    savemat(buffer, {"faces": PUBLISHED.transpose(0, 2, 1).reshape(400, 4096).T})
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published() -> dict[str, bytes]:
    texts = {name: name.encode() for name in PAIRS}
    return {"lfw-funneled.tgz": lfw_archive(), "olivettifaces.mat": olivetti_file(), **texts}


@pytest.fixture
def site(published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server with the small archives, and fetchers that know it and their checksums, and don't wait."""
    with serving(Site(dict(published))) as site:

        def known(name: str) -> _base.RemoteFileMetadata:
            digest = hashlib.sha256(published[name]).hexdigest()
            return _base.RemoteFileMetadata(filename=name, url=f"{site.address}/{name}", checksum=digest)

        monkeypatch.setattr(_lfw, "FUNNELED_ARCHIVE", known("lfw-funneled.tgz"))
        monkeypatch.setattr(_lfw, "TARGETS", tuple(known(name) for name in PAIRS))
        monkeypatch.setattr(_olivetti_faces, "FACES", known("olivettifaces.mat"))
        monkeypatch.setattr(_base.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(sklearn, "PICTURES_OF_ONE", 2)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield site


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return made(tmp_path / "parts")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def fetch(settings: SklearnArchive, tmp_path: Path, name: str = "target") -> Path:
    target = made(tmp_path / name)
    fetched = sklearn.fetch(settings, target, tmp_path / "parts")
    assert list(target.iterdir()) == [fetched]
    return fetched


def refusal(settings: SklearnArchive, tmp_path: Path) -> str:
    """The message of a refused fetch, which left nothing but parts behind."""
    with pytest.raises(UserError) as caught:
        fetch(settings, tmp_path, "refused")
    assert list((tmp_path / "refused").iterdir()) == []
    shutil.rmtree(tmp_path / "refused")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pictures(path: Path) -> dict[str, bytes]:
    found = list(archive.members(path, "*"))
    assert not any(member.refused for member in found)
    return {member.name: member.data for member in found}


def test_lfw_keeps_the_published_bytes(site: Site, tmp_path: Path, parts: Path) -> None:
    fetched = fetch(LFW, tmp_path)
    assert fetched.name == "lfw_people.zip"
    assert pictures(fetched) == PHOTOS
    with zipfile.ZipFile(fetched) as target:
        assert {info.compress_type for info in target.infolist()} == {zipfile.ZIP_STORED}


def test_lfw_gives_the_same_archive_twice(site: Site, tmp_path: Path, parts: Path) -> None:
    first = sha256_of(fetch(LFW, tmp_path))
    shutil.rmtree(parts)
    made(parts)
    assert sha256_of(fetch(LFW, tmp_path, "again")) == first
    assert site.asked.count("lfw-funneled.tgz") == 2


def test_lfw_goes_on_from_what_is_whole(site: Site, tmp_path: Path, parts: Path) -> None:
    first = sha256_of(fetch(LFW, tmp_path))
    site.files.clear()
    assert sha256_of(fetch(LFW, tmp_path, "again")) == first


def test_lfw_goes_on_from_a_whole_archive(site: Site, tmp_path: Path, parts: Path) -> None:
    (parts / "lfw_home").mkdir()
    (parts / "lfw_home/lfw-funneled.tgz").write_bytes(site.files["lfw-funneled.tgz"])
    assert pictures(fetch(LFW, tmp_path)) == PHOTOS
    assert site.asked == PAIRS


def test_lfw_half_unpacked_is_not_taken_for_whole(
    site: Site, tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(archive: tarfile.TarFile, path: str) -> None:
        archive.extract("lfw_funneled/Two_Photos/Two_Photos_0001.jpg", path)
        (Path(path) / "lfw_funneled/Two_Photos/Two_Photos_0002.jpg").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_lfw, "tarfile_extractall", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(LFW, tmp_path)
    assert pictures(fetch(LFW, tmp_path, "again")) == PHOTOS
    assert site.asked.count("lfw-funneled.tgz") == 1


def test_a_damaged_archive_that_was_left_is_fetched_again(site: Site, tmp_path: Path, parts: Path) -> None:
    for left in (site.files["lfw-funneled.tgz"][:400], b"no archive"):
        (parts / "lfw_home").mkdir(parents=True)
        (parts / "lfw_home/lfw-funneled.tgz").write_bytes(left)
        assert "damaged" in refusal(LFW, tmp_path)
        assert not parts.exists()
    parts.mkdir()
    assert pictures(fetch(LFW, tmp_path)) == PHOTOS


class Evil:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (self.mark,)  # type: ignore[return-value]


@pytest.mark.parametrize("settings", [LFW, OLIVETTI])
def test_no_pickle_is_loaded(site: Site, tmp_path: Path, parts: Path, settings: SklearnArchive) -> None:
    first = sha256_of(fetch(settings, tmp_path))
    left = [path for path in parts.rglob("*") if path.suffix in (".pkl", ".pkz")]
    assert left, "the fetcher writes pickles elsewhere now: clear them there"
    for path in left:
        path.write_bytes(pickle.dumps(Evil(tmp_path / "mark")))
    assert sha256_of(fetch(settings, tmp_path, "again")) == first
    assert not (tmp_path / "mark").exists()


def test_the_evil_pickle_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


def test_olivetti_is_400_pictures_without_loss(site: Site, tmp_path: Path, parts: Path) -> None:
    found = pictures(fetch(OLIVETTI, tmp_path))
    assert list(found) == [f"s{person:02}/{picture:02}.png" for person in range(1, 41) for picture in range(1, 11)]
    for data, expected in zip(found.values(), PUBLISHED, strict=True):
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (64, 64))
        assert np.array_equal(np.rint(np.asarray(picture) * (242 / 255)), expected)


def test_olivetti_gives_the_same_archive_twice(site: Site, tmp_path: Path, parts: Path) -> None:
    assert sha256_of(fetch(OLIVETTI, tmp_path)) == sha256_of(fetch(OLIVETTI, tmp_path, "again"))


def test_a_png_is_upright() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    with Image.open(io.BytesIO(sklearn._png(grey))) as picture:
        picture.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sklearn._png(grey)))), grey)


@pytest.mark.parametrize("settings", [LFW, OLIVETTI])
def test_a_server_that_refuses(site: Site, tmp_path: Path, parts: Path, settings: SklearnArchive) -> None:
    site.status = 403
    message = refusal(settings, tmp_path)
    assert settings.dataset in message
    assert "403" in message
    assert "run `dvc repro` again" in message
    site.status = 200
    assert len(pictures(fetch(settings, tmp_path))) in (3, 400)


@pytest.mark.parametrize("settings", [LFW, OLIVETTI])
def test_no_network(
    site: Site, tmp_path: Path, parts: Path, settings: SklearnArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = _base.RemoteFileMetadata(filename="x", url="http://127.0.0.1:9/x", checksum="")
    monkeypatch.setattr(_lfw, "TARGETS", (nobody,))
    monkeypatch.setattr(_olivetti_faces, "FACES", nobody)
    assert "check the network" in refusal(settings, tmp_path)


def test_a_broken_download_leaves_nothing(site: Site, tmp_path: Path, parts: Path) -> None:
    site.cut = 1000
    assert "got only 1000 out of" in refusal(OLIVETTI, tmp_path)
    assert list(parts.iterdir()) == []


def test_leftovers_of_a_killed_download_are_removed(site: Site, tmp_path: Path, parts: Path) -> None:
    (parts / "lfw_home").mkdir()
    for left in ("lfw_home/lfw-funneled.tgz.part_abc", "olivettifaces.mat.part_abc"):
        (parts / left).write_bytes(b"half")
    fetch(LFW, tmp_path)
    assert list(parts.rglob("*.part_*")) == []


def test_a_silent_server_is_given_up(
    site: Site, tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.silent = threading.Event()
    monkeypatch.setattr(sklearn, "SILENCE", 0.1)
    start = time.monotonic()
    assert "timed out" in refusal(OLIVETTI, tmp_path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("settings", [LFW, OLIVETTI])
def test_another_file_is_not_taken(site: Site, tmp_path: Path, parts: Path, settings: SklearnArchive) -> None:
    site.files = dict.fromkeys(site.files, b"<html>busy</html>")
    message = refusal(settings, tmp_path)
    assert "SHA256" in message
    assert "Do not use" in message
    assert not list(parts.rglob("*.tgz")) + list(parts.rglob("*.mat"))


def test_a_full_disk_is_no_matter_of_the_network(
    site: Site, tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(archive: tarfile.TarFile, path: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(_lfw, "tarfile_extractall", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(LFW, tmp_path)
