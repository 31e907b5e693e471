"""`unseen serve` as a program: it refuses to start in unsafe ways, serves, and ends with Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from commands.program import run
from unseen.commands import serve as command
from unseen.core.errors import UserError
from unseen.faces.settings import FaceSettings
from unseen.serve.page.server import check_reachable, is_loopback, listen_at, read_token

from ..test_predict import SRC, make_artifact


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    check_reachable(host, "", False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example.org"])
def test_beyond_loopback_a_token_or_a_word_is_needed(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UserError, match="--token-file or --token-env"):
        check_reachable(host, "", False)
    check_reachable(host, "x" * 16, False)
    check_reachable(host, "", True)


def test_a_token_from_a_file_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("a" * 16 + "\n")
    monkeypatch.setenv("SERVE_TOKEN", "b" * 16)
    assert read_token(file, None) == "a" * 16
    assert read_token(None, "SERVE_TOKEN") == "b" * 16
    assert read_token(None, None) == ""


@pytest.mark.parametrize("text", ["", "short", "a token with blanks in it", "ä" * 20, "a" * 16 + "\nsecond line"])
def test_a_weak_token_is_refused(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("SERVE_TOKEN", text)
    for given in ((file, None), (None, "SERVE_TOKEN")):
        with pytest.raises(UserError) as caught:
            read_token(*given)
        assert not text or text not in str(caught.value)
    with pytest.raises(UserError, match="can't be read"):
        read_token(tmp_path / "gone", None)


def test_a_port_in_use_is_one_line() -> None:
    expected = "give another --host or --port"
    with socket.create_server(("127.0.0.1", 0)) as used, pytest.raises(UserError, match=expected):
        listen_at("127.0.0.1", used.getsockname()[1])


def test_a_missing_package_is_one_line_with_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = command.importlib.util.find_spec
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    code, _, lines = run(capsys, "serve")
    assert (code, len(lines)) == (2, 1)
    assert "`unseen serve` needs uvicorn; run `pip install -e '.[page]'`" in lines[0]


def test_it_does_not_start_beyond_loopback_without_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, lines = run(capsys, "serve", "gone", "--host", "0.0.0.0")
    assert (code, len(lines)) == (2, 1)
    assert "other machines can reach this address" in lines[0]


def test_serves_and_ends_with_ctrl_c(
    tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings, portrait_bytes: bytes
) -> None:
    folder = make_artifact(tmp_path / "drawn", face_detector_model, face_settings)
    server = subprocess.Popen(
        [sys.executable, "-m", "unseen.cli", "serve", str(folder), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        line = server.stdout.readline()
        assert line.startswith("serving drawn at http://127.0.0.1:"), line
        address = line.split()[3]
        asked = urllib.request.Request(f"{address}predict", portrait_bytes, {"Content-Type": "image/x-pgm"})
        with urllib.request.urlopen(asked, timeout=60) as response:
            assert len(json.load(response)["faces"]) == 1
        hanging = socket.create_connection(("127.0.0.1", int(address.split(":")[-1].strip("/"))))
        hanging.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\nx"
        )
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
    assert server.returncode == 0
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("drawn: ")
    assert lines[1:] == ["ended"], "also where an upload has not ended"
    assert portrait_bytes[:8].decode("latin-1") not in err


def test_an_allowed_host_may_be_given_in_any_case(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    face_detector_model: bytes,
    face_settings: FaceSettings,
) -> None:
    folder = make_artifact(tmp_path / "models" / "drawn", face_detector_model, face_settings)
    apps: list[Any] = []
    monkeypatch.setattr(
        "unseen.serve.page.server.serve", lambda app, listening: (apps.append(app), listening.close())
    )
    assert run(capsys, "serve", folder, "--port", "0", "--allow-host", "Faces.Example.org")[0] == 0
    for host in ("faces.example.org", "FACES.example.org"):
        assert TestClient(apps[0], base_url=f"http://{host}").get("/health").status_code == 200
