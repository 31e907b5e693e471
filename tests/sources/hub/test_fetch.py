"""Models of a hub, fetched from a stand-in on loopback."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub_server import COMMIT, HubServer
from unseen.core.errors import UserError

from .conftest import FILES, REPO, Fetch

MODEL = Path("models/hub/vae")
RECORDS = Path("checksums/hub/vae.sha256")
SHA256 = hashlib.sha256(FILES["model.safetensors"]).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_weights_and_configuration_are_taken_and_nothing_else(hub: HubServer, fetch: Fetch) -> None:
    card = fetch(revision=COMMIT)
    found = files_of(MODEL)
    assert found.keys() == {"config.json", "model.safetensors", "hub.json"}
    assert all(found[name] == FILES[name] for name in ("config.json", "model.safetensors"))
    assert (card["model"], card["revision"], card["license"]) == (REPO, COMMIT, "mit")
    assert card["files"]["model.safetensors"] == {"bytes": 512000, "sha256": SHA256}
    assert f"{SHA256}  hub {REPO} {COMMIT} model.safetensors\n" in RECORDS.read_text()
    assert "main" not in RECORDS.read_text()
    assert not list(Path(".scratch/hub/parts").iterdir())


def test_without_a_revision_the_commit_of_main_is_recorded_and_kept(hub: HubServer, fetch: Fetch) -> None:
    fetch()
    assert f"{COMMIT}  hub {REPO} main\n" in RECORDS.read_text()
    before = RECORDS.read_bytes()
    shutil.rmtree(".scratch")
    hub.seen.clear()
    assert fetch()["revision"] == COMMIT
    assert hub.seen[0].path == f"/api/models/{REPO}/revision/{COMMIT}?blobs=true"
    assert RECORDS.read_bytes() == before


def test_a_second_run_asks_nothing(hub: HubServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of code runs the stage again; gigabytes are not downloaded again."""
    card, before = fetch(), files_of(MODEL)
    shutil.rmtree(MODEL)
    hub.seen.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch() == card
    assert files_of(MODEL) == before
    assert hub.seen == []


def test_a_damaged_file_of_an_earlier_run_is_fetched_again(hub: HubServer, fetch: Fetch) -> None:
    fetch()
    (Path(".scratch/hub/files") / SHA256).write_bytes(b"x" * 512000)
    hub.seen.clear()
    fetch()
    assert [request.path.rpartition("/")[2] for request in hub.seen] == ["model.safetensors"]
    assert files_of(MODEL)["model.safetensors"] == FILES["model.safetensors"]


def test_the_token_goes_to_the_hub(hub: HubServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch()
    assert not any("authorization" in request.headers for request in hub.seen)
    shutil.rmtree(".scratch")
    hub.seen.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch()
    assert {request.headers.get("authorization") for request in hub.seen} == {"Bearer hf_secret"}


def test_a_later_run_resumes_half_a_file(hub: HubServer, fetch: Fetch) -> None:
    hub.cuts = [28, 300_000, 0, 0, 0]  # the configuration comes first
    with pytest.raises(
        UserError, match=r"org/model/model\.safetensors: the connection broke, after 4.* after 0\.3 MB"
    ):
        fetch(revision=COMMIT)
    assert not MODEL.exists()
    assert not RECORDS.exists()
    hub.cuts, hub.seen = [], []
    fetch(revision=COMMIT)
    assert [request.path.rpartition("/")[2] for request in hub.seen] == ["model.safetensors"]
    assert hub.ranges == ["bytes=300000-"]
    assert files_of(MODEL)["model.safetensors"] == FILES["model.safetensors"]


def test_a_busy_hub_is_asked_again(hub: HubServer, fetch: Fetch) -> None:
    hub.statuses = [429, 503]
    assert fetch()["revision"] == COMMIT


def test_a_failed_fetch_leaves_the_model_of_an_earlier_run(hub: HubServer, fetch: Fetch) -> None:
    fetch()
    before, records = files_of(MODEL), RECORDS.read_bytes()
    hub.error = (500, "", "")
    with pytest.raises(UserError):
        fetch(repo="org/other")
    assert files_of(MODEL) == before
    assert RECORDS.read_bytes() == records


def test_bytes_that_differ_from_the_first_download_are_refused(hub: HubServer, fetch: Fetch) -> None:
    """A hub that states no hash of a small file, or another one."""
    fetch()
    RECORDS.write_text(RECORDS.read_text().replace(hashlib.sha256(FILES["config.json"]).hexdigest(), "a" * 64))
    shutil.rmtree(".scratch")
    with pytest.raises(UserError, match=rf"config\.json: sha256 is \w+, the first download had {'a' * 64}"):
        fetch()


def test_the_hash_of_params_is_checked_before_the_download(hub: HubServer, refusal: Callable[..., str]) -> None:
    message = refusal(sha256={"model.safetensors": "a" * 64})
    assert f"the hub says sha256 {SHA256}, params say {'a' * 64}" in message
    assert len(hub.seen) == 1
    assert "`sha256` names 'other.safetensors', which is not among" in refusal(sha256={"other.safetensors": "a" * 64})


def test_a_file_with_a_hash_in_params_is_not_recorded(hub: HubServer, fetch: Fetch) -> None:
    fetch(sha256={"model.safetensors": SHA256})
    assert "model.safetensors" not in RECORDS.read_text()


def test_equal_files_are_fetched_once(hub: HubServer, fetch: Fetch) -> None:
    hub.repos[REPO] |= {"other/model.safetensors": FILES["model.safetensors"]}
    fetch()
    assert sum(request.path.endswith("model.safetensors") for request in hub.seen) == 1
    assert files_of(MODEL)["other/model.safetensors"] == FILES["model.safetensors"]


def test_a_local_copy(fetch: Fetch, hub: HubServer, refusal: Callable[..., Any]) -> None:
    copy = Path("copies/vae")
    for name, data in (FILES | {"unet/x.safetensors": b"y", ".cache/x.safetensors": b"z"}).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(data)
    card = fetch(folder="copies/vae")
    assert card["files"].keys() == {"config.json", "model.safetensors", "unet/x.safetensors"}
    assert card["model"] == "vae"
    assert len(card["revision"]) == 40
    assert hub.seen == []
    (copy / "unet/x.safetensors").write_bytes(b"w")
    with pytest.raises(UserError, match=r"changed since it was first copied.*`unseen accept hub/vae`"):
        fetch(folder="copies/vae")
    shutil.rmtree(copy)
    with pytest.raises(UserError, match=r"copies/vae: not a folder; correct `hub\.vae\.folder`"):
        fetch(folder="copies/vae")


def test_a_copy_of_another_projects_model_keeps_its_origin(hub: HubServer, fetch: Fetch) -> None:
    fetch()
    shutil.copytree(MODEL, "copies/vae")
    card = fetch(folder="copies/vae")
    assert (card["model"], card["revision"], card["license"]) == (REPO, COMMIT, "mit")
