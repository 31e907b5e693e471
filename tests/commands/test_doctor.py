"""`unseen doctor`: facts of this machine, and what a params file needs."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from unseen.commands import connections, doctor, machine
from unseen.params import extras

from .program import ROOT, run

SECRET = "s3cr3t"
DEFAULT_A, REMOTE_A = "[core]\nremote = a\n", "['remote \"a\"']\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a project, a home without credentials, and no network."""
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "HF_", "UNSEEN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """A hub on loopback, and the headers of each request to it, with `method`."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append({"method": self.command, **{key.lower(): value for key, value in self.headers.items()}})
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST = do_HEAD

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    server.server_close()


def facts(lines: list[str]) -> dict[str, str]:
    """Text by label, of the first part of the screen."""
    found = [line.partition("  ") for line in lines[: lines.index("")]]
    return {label: text.strip() for label, _, text in found if label}


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Make modules look as if they were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in modules else real(name, *a))


def test_nothing_is_missing(capsys: pytest.CaptureFixture[str], hub: list[dict[str, str]]) -> None:
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    for name in ("second", "first"):
        folder = Path("models/detectors") / name
        folder.mkdir(parents=True)
        (folder / "detector.json").write_text("{}")
    code, out, err = run(capsys, "doctor")
    assert (code, err) == (0, [])
    found = facts(out)
    assert found["PyTorch"].startswith(machine.installed("torch"))
    assert found["device"] == "cpu (UNSEEN_DEVICE)"
    assert found["model hub"].startswith("127.0.0.1 responds in ")
    assert found["detectors"] == "first, second"
    assert found["params"] == "params.yaml: valid"
    assert re.search(r" GB free; a run needs about \d+ MB more$", found["disk"])
    assert out[-1] == "Nothing that the params file needs is missing."
    assert len(out) <= 25  # one screen


def test_disk_space_in_words() -> None:
    assert doctor._disk_text(0) == "a run needs little more"
    assert doctor._disk_text(40e6) == "a run needs about 40 MB more"
    assert doctor._disk_text(1.94e9) == "a run needs about 1.9 GB more"


def test_what_the_params_do_not_need_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.setattr(connections, "HUB_SECONDS", 0.5)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # closed
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    assert facts(out)["model hub"] == "127.0.0.1: no connection; no token; the params file needs neither"
    assert facts(out)["Kaggle"] == "no credentials; the params file needs none"


def test_without_params_only_the_machine_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "doctor", "--offline")
    assert code == 0
    assert facts(out)["params"] == "no params.yaml in this folder; only the machine is checked"
    assert out[-1] == "Nothing is missing."
    code, _, err = run(capsys, "doctor", "--offline", "other.yaml")
    assert (code, "other.yaml" in err[0]) == (2, True)


def test_each_missing_thing_has_a_line(
    capsys: pytest.CaptureFixture[str], params_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    params_data["detectors"]["tuned"] = {**params_data["detectors"]["efficientnet_lite0"], "kind": "vit_lora"}
    for name in [name for name in params_data["detectors"]["tuned"] if name not in ("kind", "train_on", "weights")]:
        del params_data["detectors"]["tuned"][name]
    params_data["detectors"]["tuned"] |= {"backbone": "vit_small_patch14_dinov2.lvd142m", "weights": "hub/dino"}
    params_data["hub"] = {"dino": {"repo": "timm/vit_small_patch14_dinov2.lvd142m", "revision": ""}}
    params_data["archives"]["celebs"] = {"kind": "kaggle", "dataset": "a/b", "version": 1}
    Path("params.yaml").write_text(yaml.safe_dump(params_data, sort_keys=False))
    without(monkeypatch, "peft", "ray")
    monkeypatch.setattr(connections, "HUB_SECONDS", 0.5)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # closed
    code, out, _ = run(capsys, "doctor")
    problems = out[out.index("") + 2 :]
    assert code == 1
    assert [line for line in problems if "`detectors.tuned.kind` needs the extra `lora`; `pip install peft`" in line]
    assert [line for line in problems if line.startswith("- `archives.celebs`") and "no Kaggle credentials" in line]
    assert [line for line in problems if line.startswith("- hub/dino must be downloaded, but 127.0.0.1: no conn")]
    assert not [line for line in problems if "ray" in line]  # params do not need it
    assert [line for line in out if line.endswith("missing bulk (`unseen bulk`): pip install ray")]


def test_offline_sends_nothing(
    capsys: pytest.CaptureFixture[str], hub: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys, "doctor", "--offline")
    assert (code, facts(out)["model hub"]) == (0, "not checked (--offline)")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert facts(run(capsys, "doctor")[1])["model hub"] == "not checked (HF_HUB_OFFLINE)"
    assert hub == []


def test_one_request_without_credentials_and_none_is_printed(
    capsys: pytest.CaptureFixture[str], hub: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    home = Path("home")
    home.mkdir()
    (home / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    (home / ".netrc").chmod(0o600)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(f"['remote \"store\"']\n    url = https://me:{SECRET}@example.org/x\n")
    code, out, err = run(capsys, "doctor")
    found = facts(out)
    assert code == 0
    assert [request["method"] for request in hub] == ["HEAD"]
    assert "authorization" not in hub[0]
    assert SECRET not in "\n".join([*out, *err])
    assert found["Kaggle"] == "credentials found, not checked"
    assert found["model hub"].endswith("; a token")
    assert found["DVC"].endswith("remote store (https)")
    monkeypatch.setenv("HF_ENDPOINT", f"http://me:{SECRET}@127.0.0.1:9")
    assert SECRET not in "\n".join(run(capsys, "doctor")[1])


def test_a_slow_look_up_of_the_name_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HUB_SECONDS", 0.2)

    def slow(*_: object, **__: object) -> None:
        time.sleep(1.5)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", slow)
    start = time.monotonic()
    responds, text = connections.reach_hub()
    assert (responds, time.monotonic() - start < 1.0) == (False, True)
    assert "no response" in text


@pytest.mark.parametrize(
    ("config", "local", "expected"),
    [
        ("", "", "no remote; results stay on this machine"),
        (f"{REMOTE_A}url = /mnt/x\n", "", "remote a (a folder)"),
        (f"{DEFAULT_A}{REMOTE_A}url = gs://x\n", "", "remote a (gs, needs `pip install 'dvc[gs]'`) default"),
        (f"{REMOTE_A}url = /x\n", f"{REMOTE_A}url = s3://b/c\n{DEFAULT_A}", "remote a (s3) default"),
        ("[not", "", ".dvc/config is not valid; `dvc config --list` shows the error"),
    ],
)
def test_dvc_remotes(config: str, local: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "dvc_gs")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: object() if name == "dvc_s3" else real(name, *a)
    )
    assert connections.dvc_remote(Path()) == "no DVC project in this folder"
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(config)
    Path(".dvc/config.local").write_text(local)
    assert connections.dvc_remote(Path()) == expected


def answer(monkeypatch: pytest.MonkeyPatch, **found: list[str]) -> None:
    """Let the process that imports PyTorch print this."""
    text = json.dumps({"cuda": [], "others": [], "said": [], **found})
    done = subprocess.CompletedProcess([], 0, stdout=f"a line of a library\n{text}\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(machine, "_may_have_gpu", lambda build: True)


@pytest.mark.parametrize(
    ("asked", "found", "text", "problem"),
    [
        ("", {"cuda": ["H200"]}, "cuda (H200)", ""),
        ("cuda:1", {"cuda": ["A", "B"]}, "cuda:1 (UNSEEN_DEVICE, B)", ""),
        ("cuda:1", {"cuda": ["A"]}, "cuda:1: missing", "PyTorch finds cuda:0; unset it"),
        ("cuda", {}, "cuda: missing", "PyTorch finds only cpu; unset it"),
        ("", {"others": ["mps"]}, "UNSEEN_DEVICE=mps would use mps", ""),
        ("mps", {"others": ["mps"]}, "mps (UNSEEN_DEVICE)", ""),
        ("", {"said": ["The NVIDIA driver is too old"]}, "PyTorch says: The NVIDIA driver is too old", ""),
        ("gpu", {}, "unknown", "UNSEEN_DEVICE is 'gpu'; give"),
    ],
)
def test_device(
    asked: str, found: dict[str, list[str]], text: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", asked)
    answer(monkeypatch, **found)
    device = machine.find_device()
    assert text in device.text
    assert problem in device.problem
    assert bool(problem) == bool(device.problem)


def test_a_pytorch_that_does_not_start_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cuda")
    monkeypatch.setattr(machine, "ASK_TORCH", "raise SystemExit(3)")
    assert "can't be imported" in machine.find_device().problem
    monkeypatch.setattr(machine, "ASK_TORCH", "import time; time.sleep(9)")
    monkeypatch.setattr(machine, "TIMEOUT", 0.2)
    assert "did not report its device" in machine.find_device().problem


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx avx2 avx512f avx512_vnni", "AVX2 (UNSEEN_AVX512=1 would use AVX-512), VNNI"),
        ("avx avx2 avx_vnni", "AVX2, VNNI"),
        ("avx avx2", "AVX2, no VNNI"),
        ("avx", "no AVX2: slow, no VNNI"),
    ],
)
def test_instruction_set(flags: str, expected: str) -> None:
    file = Path("cpuinfo")
    file.write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert machine.instructions_line(file) == expected


def test_an_invalid_variable_is_a_problem_and_not_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "many")
    code, out, _ = run(capsys, "doctor", "--offline")
    assert (code, "UNSEEN_THREADS is 'many'" in out[-1]) == (1, True)


def test_pytorch_is_not_imported() -> None:
    script = "import sys; from unseen.cli import main; main(['doctor', '--offline']); print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_extras_are_those_of_pyproject() -> None:
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, packages in listed.items():
        if name not in ("dev", "docs"):
            assert {text.partition(">")[0].partition("[")[0] for text in packages} <= set(
                extras.EXTRAS[name].packages
            )
    assert extras.pip_command(["lora", "fid"], ROOT) == "pip install -e '.[lora,fid]'"
    assert extras.pip_command(["lora", "fid"], Path()) == "pip install peft torch-fidelity"
