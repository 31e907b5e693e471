"""Each refusal of a hub is one line that says what to do, as the table of docs/hub.md has it."""

import re
import shutil
import socket
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from hub_server import COMMIT, HubServer
from unseen.sources.hub import client

from .conftest import REPO

Refusal = Callable[..., str]
Usage = namedtuple("Usage", "total used free")
INVALID = (401, "", "Invalid credentials in Authorization header")
SD21 = "stabilityai/stable-diffusion-2-1"

CASES: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"error": INVALID}, {}, "hf_old"),
    ({"files_error": (401, "GatedRepo", "")}, {}, ""),
    ({"files_error": (403, "GatedRepo", "")}, {}, "hf_mine"),
    ({"error": (403, "", "")}, {}, "hf_mine"),
    ({}, {"repo": SD21}, ""),
    ({}, {"repo": "org/gone"}, "hf_mine"),
    ({}, {"revision": "f" * 40}, ""),
    ({}, {"files": ["vae/x.json"]}, ""),
    ({"files_error": (404, "EntryNotFound", "")}, {"revision": COMMIT}, ""),
    ({"error": (429, "", "")}, {}, ""),
    ({"error": (503, "", "")}, {}, ""),
    ({"error": (418, "", "")}, {}, ""),
    ({"page": b"<html>log in</html>"}, {}, ""),
    ({"cuts": [0] * 4}, {}, ""),
    ({"repos": {REPO: {"config.json": b"{}", "pytorch_model.bin": b"x"}}}, {}, ""),
    ({"repos": {REPO: {"config.json": b"{}"}}}, {}, ""),
    ({}, {"files": ["run.py"]}, ""),
    ({"repos": {REPO: {"../model.safetensors": b"x"}}}, {}, ""),
]
"""What the hub does, the block of params, and the token."""


def is_in_docs(message: str) -> bool:
    """Whether a row of the table has the message, with the usual hub in place of the stand-in."""
    found = re.sub(r"http://127\.0\.0\.1:\d+", "https://huggingface.co", message)
    found = re.sub(r"[0-9a-f]{64}|(?<=parts/)\w+", "...", found)
    return f"| {found} |" in (ROOT / "docs/hub.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("does", "block", "token"), CASES)
def test_a_refusal_is_the_line_of_the_docs(
    hub: HubServer,
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
    does: dict[str, object],
    block: dict[str, object],
    token: str,
) -> None:
    for name, value in does.items():
        setattr(hub, name, list(value) if isinstance(value, list) else value)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    began = time.monotonic()
    message = refusal(**block)
    assert time.monotonic() - began < 5
    assert is_in_docs(message), message
    assert token == "" or token not in message


def test_no_network(hub: HubServer, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        message = refusal()
    assert is_in_docs(message), message


def test_a_hub_that_does_not_respond(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        message = refusal()
    assert is_in_docs(message), message


def test_a_file_that_stops(hub: HubServer, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.sources.shared.resume.TIMEOUT", (0.2, 0.2))
    hub.silent, hub.cuts = threading.Event(), [0] * 4
    message = refusal()
    hub.silent.set()
    assert is_in_docs(message), message


def test_offline(hub: HubServer, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = refusal()
    assert is_in_docs(message), message
    assert hub.seen == []


def test_a_full_disk_before_the_download(hub: HubServer, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.lengths = {"model.safetensors": 5_200_000_000}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 1e9))
    message = refusal()
    assert is_in_docs(message), message
    assert len(hub.seen) == 1, "no file was asked for"


def test_a_disk_that_fills_up(hub: HubServer, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    class Full:
        def __init__(self, file: object) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()  # type: ignore[attr-defined]

        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

    def full(path: Path, mode: str = "r", **options: object) -> object:
        file = opened(path, mode, **options)  # type: ignore[call-overload]
        return Full(file) if mode == "ab" and path.name == "bytes" else file

    monkeypatch.setattr(Path, "open", full)
    message = refusal()
    assert is_in_docs(message), message


def test_other_bytes(hub: HubServer, refusal: Refusal) -> None:
    """A mirror that sends other bytes than it announces."""
    serve = hub.repos[REPO]

    class Changed(dict[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            return b"\0" * len(serve[name]) if name.endswith("tensors") else serve[name]

    hub.repos[REPO] = Changed(serve)
    message = refusal()
    assert is_in_docs(message), message
    assert not list(Path(".scratch/hub").rglob("bytes")), "the next run starts again"
