"""A training that was stopped, by itself, by a signal or by kill -9, ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import ROOT
from faces_for_training import OrlFaces
from stops import Interruption, stop_after
from unseen.core.errors import UserError
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch
from unseen.core.trainings import Trainings
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training import train as loop
from unseen.gans.training.gan_metrics import GanMetrics
from unseen.gans.training.real_faces import RealFaces
from unseen.gans.training.train import TrainedNetworks
from unseen.gans.training.trainings import fit_gans

from .tiny import CPU, Squares, same, settings, trained


def knobs(kind: str) -> GanSettings:
    """Five steps, with a snapshot before and after each of the stops."""
    return settings(kind, images=40, sample_every=16, diff_augment=True, snapshots=[0.2, 0.8])


@pytest.mark.parametrize(("kind", "stops"), [("dcgan", (1, 4)), ("spectral", (3,)), ("r3gan", (1, 3))])
def test_going_on_ends_with_the_same_bytes(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, stops: tuple[int, ...]
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole = trained(orl_faces.small, knobs(kind), tmp_path / "whole")
    assert set(whole.states) == {"generator", "discriminator", "at-0.2", "at-0.8"}
    for stop in stops:
        cut = tmp_path / f"cut {stop}"
        with monkeypatch.context() as patch:
            stop_after(stop, loop, patch)
            with pytest.raises(Interruption):
                trained(orl_faces.small, knobs(kind), cut)
        saved = Scratch(cut, "gan", 1).load()
        assert saved is not None
        assert saved["step"] == stop
        assert same(trained(orl_faces.small, knobs(kind), cut), whole)


def test_going_on_after_every_step_ends_with_the_same_bytes(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole = trained(orl_faces.small, knobs("dcgan"), tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(1, loop, patch)
        for _ in range(4):
            with pytest.raises(Interruption):
                trained(orl_faces.small, knobs("dcgan"), tmp_path / "cut")
    assert same(trained(orl_faces.small, knobs("dcgan"), tmp_path / "cut"), whole)


def test_a_finished_training_is_not_run_again(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training of the next seed may be interrupted."""
    whole = trained(orl_faces.small, knobs("dcgan"), tmp_path, keep=True)
    stop_after(0, loop, monkeypatch)
    assert same(trained(orl_faces.small, knobs("dcgan"), tmp_path), whole)


def signal_at(step: int, monkeypatch: pytest.MonkeyPatch, number: int = signal.SIGTERM) -> None:
    """Send this process a signal in the middle of a step."""
    update, calls = loop._update, []

    def signalled(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 2 * step:
            signal.raise_signal(number)
        update(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_update", signalled)


@pytest.mark.parametrize(
    ("step", "number", "exit_code"), [(1, signal.SIGTERM, 1), (2, signal.SIGINT, 130), (4, signal.SIGTERM, 1)]
)
def test_told_to_stop_it_finishes_its_step_and_goes_on_later(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, number: int, exit_code: int
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "1000")
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        signal_at(step, patch, number)
        with pytest.raises(UserError, match=rf"^stopped at {8 * step} of 40 images; run it again to resume$") as e:
            trained(orl_faces.small, knobs("dcgan"), tmp_path / "cut")
    assert e.value.exit_code == exit_code
    assert signal.getsignal(number) == before
    saved = Scratch(tmp_path / "cut", "gan", 1).load()
    assert saved is not None
    assert saved["step"] == step
    whole = trained(orl_faces.small, knobs("dcgan"), tmp_path / "whole")
    assert same(trained(orl_faces.small, knobs("dcgan"), tmp_path / "cut"), whole)


def test_told_to_stop_in_its_last_step_it_ends(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_at(5, monkeypatch)
    assert [row["step"] for row in trained(orl_faces.small, knobs("dcgan"), tmp_path).history] == [2, 4, 5]


def test_told_to_stop_in_the_last_step_of_a_seed_no_other_begins(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(folder: Path) -> Trainings[tuple[TrainedNetworks, GanMetrics]]:
        real = RealFaces(orl_faces.small[:90], orl_faces.small[90:], 32, 3, Squares())
        return fit_gans(Reals(orl_faces.small[:90], CPU), real, knobs("dcgan"), [3, 4], folder, "gan", 1)

    with monkeypatch.context() as patch:
        signal_at(5, patch)
        with pytest.raises(UserError, match=r"^stopped at training seed 4, which has not begun") as error:
            fit(tmp_path / "cut")
    assert error.value.exit_code == 1
    steps: list[object] = []
    with monkeypatch.context() as patch:
        update = loop._update
        patch.setattr(loop, "_update", lambda *arguments: (steps.append(1), update(*arguments)))
        again = fit(tmp_path / "cut")
    assert len(steps) == 2 * 5, "the first seed is not trained again"
    whole = fit(tmp_path / "whole")
    assert all(same(again.trained[seed][0], whole.trained[seed][0]) for seed in (3, 4))
    whole.clear()
    assert not list((tmp_path / "whole").rglob("*.pt"))


LONG = settings(images=480, sample_every=200, snapshots=[0.5])

CHILD = """
import json, sys
from types import ModuleType

sys.modules["timm"] = ModuleType("timm")  # seconds to import, and nobody asks it for a network
from pathlib import Path
import numpy as np
from gans.tiny import settings, trained
from unseen.core.errors import UserError
from unseen.core.runtime import prepare

faces, scratch, knobs = sys.argv[1:]
prepare()
try:
    trained(np.load(faces), settings(**json.loads(knobs)), Path(scratch))
except UserError as error:
    sys.exit(f"train_gan: {error}")
"""


def child(folder: Path) -> "subprocess.Popen[str]":
    """A process that trains, with a checkpoint after every step."""
    arguments = [str(folder / "faces.npy"), str(folder / "scratch"), LONG.model_dump_json()]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths, "UNSEEN_CHECKPOINT_SECONDS": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code and what it printed."""
    _, printed = process.communicate(timeout=120)
    return process.returncode, printed


def wait_for_another_checkpoint(process: "subprocess.Popen[str]", folder: Path) -> None:
    def written() -> list[int]:
        return [file.stat().st_mtime_ns for file in folder.glob("scratch/*/checkpoint.pt")]

    before = written()
    while process.poll() is None and written() in ([], before):
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be stopped"


def test_after_sigterm_and_after_kill_9_it_goes_on_to_the_same_bytes(orl_faces: OrlFaces, tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", orl_faces.small)
    process = child(tmp_path)
    wait_for_another_checkpoint(process, tmp_path)
    process.terminate()
    code, printed = ended(process)
    assert code == 1
    assert "Traceback" not in printed
    assert printed.splitlines()[-1].startswith("train_gan: stopped at ")
    (checkpoint,) = tmp_path.glob("scratch/*/checkpoint.pt")
    stopped_at = torch.load(checkpoint, weights_only=True)["step"]
    assert f"stopped at {8 * stopped_at} of {LONG.images} images" in printed

    process = child(tmp_path)
    wait_for_another_checkpoint(process, tmp_path)
    process.kill()
    code, printed = ended(process)
    assert code == -signal.SIGKILL
    assert f"gan: resuming from step {stopped_at}\n" in printed

    # This process has loaded other modules, by which a scratch is named: the checkpoint is taken over by hand.
    here = Scratch(tmp_path / "here", "gan", 1)._file
    here.parent.mkdir(parents=True)
    checkpoint.rename(here)
    assert torch.load(here, weights_only=True)["step"] > stopped_at
    whole, gone_on = (trained(orl_faces.small, LONG, tmp_path / part) for part in ("whole", "here"))
    assert same(gone_on, whole)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("kind", ["dcgan", "r3gan"])
def test_on_a_gpu_it_goes_on_too(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    monkeypatch.setenv("UNSEEN_DEVICE", "cuda")
    gpu = prepare()
    with monkeypatch.context() as patch:
        stop_after(3, loop, patch)
        with pytest.raises(Interruption):
            trained(orl_faces.small, knobs(kind), tmp_path, device=gpu)
    result = trained(orl_faces.small, knobs(kind), tmp_path, device=gpu)
    assert [row["step"] for row in result.history] == [2, 4, 5]
    assert all(value.isfinite().all() for state in result.states.values() for value in state.values())
