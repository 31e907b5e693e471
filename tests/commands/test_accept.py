from pathlib import Path
from typing import Any

import pytest
import yaml

from unseen.sources.kinds.sklearn import Settings as SklearnArchive
from unseen.sources.shared.checksums import record
from unseen.sources.shared.settings import FolderSettings

from .program import run

FILE = Path("checksums/mine.sha256")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a folder and an archive."""
    monkeypatch.chdir(tmp_path)
    write({})


def write(folder: dict[str, Any]) -> None:
    data = {
        "folders": {"mine": {"path": "photos", **folder}},
        "archives": {"lfw": {"kind": "sklearn", "dataset": "lfw_people"}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(data))


def test_a_folder_is_taken_anew(capsys: pytest.CaptureFixture[str]) -> None:
    record(FILE, FolderSettings(path="others"), "1" * 64)
    record(FILE, FolderSettings(path="photos"), "2" * 64)
    code, out, err = run(capsys, "accept", "mine")
    assert (code, err) == (0, [])
    assert out == [
        "checksums/mine.sha256: the hash of folder photos is removed",
        "the next `dvc repro` reads the folder again",
    ]
    assert FILE.read_text() == f"{'1' * 64}  folder others\n"
    code, out, err = run(capsys, "accept", "mine")
    assert (code, err) == (
        2,
        ["unseen: no hash of `mine` (folder photos) is recorded; run `dvc repro`"],
    )


def test_a_download_is_fetched_anew(capsys: pytest.CaptureFixture[str]) -> None:
    record(Path("checksums/lfw.sha256"), SklearnArchive(kind="sklearn", dataset="lfw_people"), "1" * 64)
    code, out, _ = run(capsys, "accept", "lfw")
    assert (code, "`dvc repro -f download@lfw`" in out[1]) == (0, True)
    assert not Path("checksums/lfw.sha256").exists()


def test_a_name_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "accept", "mien")
    assert code == 2
    assert err == ["unseen: params name no folder or archive `mien`; allowed: lfw, mine; did you mean `mine`?"]


def test_a_hash_that_stands_in_params(capsys: pytest.CaptureFixture[str]) -> None:
    write({"sha256": "0" * 64})
    code, _, err = run(capsys, "accept", "mine")
    assert code == 2
    assert "correct or remove `folders.mine.sha256`" in err[0]


def test_a_model_of_the_hub_is_taken_anew(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"folders": {}, "archives": {}, "hub": {"vae": {"repo": "org/vae"}}}
    Path("params.yaml").write_text(yaml.safe_dump(data))
    file = Path("checksums/hub/vae.sha256")
    file.parent.mkdir(parents=True)
    file.write_text(f"{'1' * 40}  hub org/vae main\n")
    code, out, err = run(capsys, "accept", "hub/vae")
    assert (code, err) == (0, [])
    assert "`dvc repro -f hub@vae` fetches the model again" in out[0]
    assert not file.exists()
    _, _, err = run(capsys, "accept", "hub/vae")
    assert err == ["unseen: nothing is recorded of `hub/vae`; run `dvc repro`"]
    _, _, err = run(capsys, "accept", "hub/vee")
    assert err == ["unseen: params name no model `hub/vee`; allowed: vae; did you mean `vae`?"]
