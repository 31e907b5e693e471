"""Nothing leaves the machine, and nothing is written below the user's home, unless the user asked for it."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

import no_network
from conftest import ROOT
from serve.test_predict import artifact  # noqa: F401 - a fixture
from unseen.core import telemetry

GUARD = [sys.executable, str(ROOT / "tests/no_network.py")]
needs_seccomp = pytest.mark.skipif(not no_network.AVAILABLE, reason="the filter is for Linux on x86-64 and arm64")


def clean(home: Path) -> dict[str, str]:
    """The environment of a user who has set nothing: what turns telemetry off in tests, or in CI, is not in it."""
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(home)}


def files(home: Path) -> list[str]:
    """What lies below a user's home."""
    return [path.relative_to(home).as_posix() for path in sorted(home.rglob("*"))]


LOOK_UP = "import socket\ntry: socket.getaddrinfo('example.invalid', 80)\nexcept OSError: pass"


@needs_seccomp
@pytest.mark.parametrize("how", ["itself", "a child", "one in the background"])
def test_the_guard_sees_a_name_that_is_looked_up(how: str) -> None:
    program = [sys.executable, "-c", LOOK_UP]
    if how == "a child":
        program = ["sh", "-c", '"$@"; exit $?', "sh", *program]
    if how == "one in the background":
        program = ["sh", "-c", '(sleep 0.3; "$@") & true', "sh", *program]
    assert subprocess.run([*GUARD, *program], check=False, capture_output=True).returncode == no_network.KILLED


@needs_seccomp
def test_the_guard_lets_everything_else_pass() -> None:
    program = "import socket; socket.socketpair(); socket.socket(socket.AF_INET).close(); raise SystemExit(3)"
    assert subprocess.run([*GUARD, sys.executable, "-c", program], check=False).returncode == 3


LONG_USE = """
import sys, time
from pathlib import Path
from unseen.cli import main
artifact, picture = sys.argv[1:]
assert main(["predict", "--detector", artifact, picture]) == 0
print("the command has ended", flush=True)
import unseen
print(len(unseen.load(Path(artifact)).predict([picture])), flush=True)
time.sleep(15)  # ONNX Runtime sends what it has collected after some ten seconds
"""


@needs_seccomp
def test_a_long_use_of_the_command_and_of_the_library_uses_no_network_and_writes_nothing_at_home(
    artifact: Path,  # noqa: F811
    tmp_path: Path,
    portrait_bytes: bytes,
) -> None:
    (tmp_path / "a.pgm").write_bytes(portrait_bytes)
    done = subprocess.run(
        [*GUARD, sys.executable, "-c", LONG_USE, str(artifact), str(tmp_path / "a.pgm")],
        env=clean(tmp_path / "home"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the command has ended\n1\n")
    assert files(tmp_path / "home") == []


def test_any_import_of_the_library_comes_with_it() -> None:
    program = "import unseen.core.errors, os, json; print(json.dumps(dict(os.environ)))"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HF_HUB_DISABLE_TELEMETRY": "0"}
    found = subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True)
    for name, value in telemetry.OFF.items():
        # what the user has chosen stays
        assert f'"{name}": "{env.get(name, value)}"' in found.stdout


def test_dvc_sends_no_analytics() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".dvc/config", encoding="utf-8")
    assert not config.getboolean("core", "analytics")
    assert not config.getboolean("core", "check_update")
    assert config.getboolean("studio", "offline")
