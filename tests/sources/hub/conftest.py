"""A stand-in hub, and an empty project that asks it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_server import HubServer, serving_hub
from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.sources.hub import client
from unseen.sources.hub.fetch import fetch_model
from unseen.sources.hub.settings import HubSettings
from unseen.sources.shared import resume

REPO = "org/model"
FILES = {
    "config.json": b'{"architecture": "test_vit"}',
    "model.safetensors": bytes(range(256)) * 2000,
    "pytorch_model.bin": b"a pickle",
    "run.py": b"print()",
    "README.md": b"# words",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and a home without tokens. Attempts follow each other without a pause."""
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "home/token"))
    monkeypatch.setattr(client, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(resume, "WAITS", (0.0, 0.0, 0.0))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The stand-in hub, with one repository."""
    with serving_hub(HubServer(repos={REPO: dict(FILES)})) as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        yield state


Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def fetch() -> Fetch:
    """Fetch a model as the stage `hub` does, and return its card."""

    def fetched(**block: Any) -> dict[str, Any]:
        settings = HubSettings(**({"repo": REPO} | block if "folder" not in block else block))
        fetch_model(settings, "vae", Path("models/hub/vae"), Path("checksums/hub/vae.sha256"), Path(".scratch"))
        card: dict[str, Any] = read_json(Path("models/hub/vae/hub.json"))
        return card

    return fetched


@pytest.fixture
def refusal(fetch: Fetch) -> Callable[..., str]:
    """The message of a model that can't be fetched. Nothing is left outside of the scratch folder."""

    def refused(**block: Any) -> str:
        with pytest.raises(UserError) as error:
            fetch(**block)
        assert [path for path in Path().rglob("*") if ".scratch" not in path.parts and path.is_file()] == []
        return str(error.value)

    return refused
