"""A disk that takes no more, while anything is written: one line that names the file, and nothing half-written.

A limit on the size of files stands for the disk: it needs no privileges, and writes fail in the same places.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.program import program
from conftest import ROOT
from serve.test_predict import make_artifact
from unseen.faces.settings import FaceSettings

LIMITED = """
import errno, resource
from pathlib import Path
import torch
from unseen.core.scratch import Scratch
from unseen.gans.shared.artifact import save_gan
from unseen.gans.shared.settings import GanSettings
from unseen.core.files import atomic_folder
from unseen.core.artifacts import WEIGHTS, write_weights
from unseen.detectors.shared import features

tensor = torch.zeros(100_000)
def checkpoint():
    Scratch(Path("scratch"), "gan", 1).save({"step": 1, "weights": tensor})
def weights():
    with atomic_folder(Path("model")) as part:
        write_weights(part / WEIGHTS, {"a": tensor})
def shard():
    features._write(Path("features/0.safetensors"), "x", tensor.numpy())
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for name, write in {"checkpoint": checkpoint, "weights": weights, "features": shard}.items():
    try:
        write()
    except OSError as error:
        print(name, errno.errorcode[error.errno], Path(error.filename).name)
"""


def test_torch_and_safetensors_say_what_the_system_says(tmp_path: Path) -> None:
    """By themselves they raise a RuntimeError that does not name the cause, and an error of their own."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "checkpoint EFBIG checkpoint.pt",
        "weights EFBIG model",
        "features EFBIG 0.safetensors",
    ]
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


STAGE = """
import contextlib, os, resource, sys
sys.path.insert(0, os.fsdecode({stages!r}))
import _stage
from pathlib import Path
import torch
from unseen.core.scratch import Scratch

def work(way):
    if way == "checkpoint":
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        Scratch(Path("scratch"), "gan", 1).save({{"step": 1, "weights": torch.zeros(100_000)}})
    print("a table, \u2265 1")

_stage.check_params = lambda: None
_stage.print_number = lambda *_: contextlib.nullcontext()
_stage.run(work, cost=False)
"""


def stage(folder: Path, way: str, stdout: int, **env: str) -> subprocess.CompletedProcess[str]:
    """A stage script of its own."""
    (folder / "some_stage.py").write_text(STAGE.format(stages=os.fsencode(ROOT / "stages")), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "some_stage.py", way],
        cwd=folder,
        env={**os.environ, **env},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_a_stage_says_it_in_one_line(tmp_path: Path) -> None:
    done = stage(tmp_path, "checkpoint", subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith("some_stage checkpoint: File too large (scratch/gan-")
    assert done.stderr.endswith("; raise the limit on the size of files (`ulimit -f`), then run `dvc repro` again\n")
    assert len(done.stderr.splitlines()) == 1


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@needs_full
def test_a_stage_whose_output_goes_nowhere(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = stage(tmp_path, "print", full.fileno())
    assert done.returncode == 1
    assert done.stderr == ("some_stage print: No space left on device; free some space, then run `dvc repro` again\n")


@needs_full
@pytest.mark.parametrize("arguments", [["sources"], ["--version"]])
def test_a_command_whose_output_goes_nowhere(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = program(*arguments, stdout=full)
    assert (done.returncode, done.stderr) == (2, "unseen: the output: can't be written: No space left on device\n")


@needs_full
def test_a_command_that_can_tell_nobody() -> None:
    command = [sys.executable, "-m", "unseen.cli", "check", "gone.yaml"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, env=env, stdout=full, stderr=full, check=False).returncode == 2


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.skipif(
    not sys.prefix.isascii(), reason="in an ASCII locale Python does not start from an environment with another path"
)
def test_a_stage_prints_what_the_terminal_does_not_know(tmp_path: Path) -> None:
    done = stage(tmp_path, "print", subprocess.PIPE, **ASCII)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a table, \\u2265 1\n", "")


@pytest.mark.skipif(
    not sys.prefix.isascii(), reason="in an ASCII locale Python does not start from an environment with another path"
)
def test_commands_in_a_locale_that_is_not_utf_8(
    tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings, portrait_bytes: bytes
) -> None:
    make_artifact(tmp_path / "models/detectors/drawn", face_detector_model, face_settings)
    (tmp_path / "fotos").mkdir()
    (tmp_path / "fotos" / "\u00e4 \u2713.pgm").write_bytes(portrait_bytes)

    def said(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "unseen.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **env},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    for command in (
        ["predict", "--detector", "drawn", "fotos"],
        ["predict", "--json", "--detector", "drawn", "fotos"],
    ):
        done = said(*command, **ASCII)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert len(done.stdout.splitlines()) == 2
    for out, env in (("a.csv", ASCII), ("b.csv", {})):
        done = said("score", "--detector", "drawn", "--reals", "fotos", "--out", out, **env)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert "fotos/\u00e4 \u2713.pgm" in (tmp_path / "a.csv").read_text(encoding="utf-8")
