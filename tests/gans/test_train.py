"""The training loop of GANs, on real faces: it learns, repeats itself, and goes on after a kill."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from faces_for_training import OrlFaces
from unseen.errors import UserError
from unseen.gans import losses, train
from unseen.gans.quality import patch_distance
from unseen.gans.settings import GanSettings
from unseen.pictures import Pixels
from unseen.runtime import Scratch, generator

from . import tiny

ROOT = Path(__file__).resolve().parents[2]
SEED = 3
Trained = tuple[dict[str, dict[str, Tensor]], list[dict[str, float]], Tensor]


def settings(**changed: Any) -> GanSettings:
    return tiny.settings(**{"loss": "non_saturating", "steps": 8, "batch": 8, "sample_every": 3} | changed)


def same(first: Trained, second: Trained) -> bool:
    (states, history, grid), (other_states, other_history, other_grid) = first, second
    return (
        history == other_history
        and torch.equal(grid, other_grid)
        and all(torch.equal(states[net][key], other_states[net][key]) for net in states for key in states[net])
    )


class Interruption(Exception):
    """A stop that is not the loop's own."""


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop do some steps and then stop it from outside."""

    def cut(items: Iterable[int], *_: object) -> Iterator[int]:
        for number, item in enumerate(items):
            if number == steps:
                raise Interruption
            yield item

    monkeypatch.setattr(train, "progress", cut)


def distance(fakes: Tensor, reals: Tensor) -> float:
    """Grey levels between the average sample and the average face, pixel by pixel."""
    return float((fakes.float().mean(0) - reals.float().mean(0)).abs().mean())


def test_it_learns_on_real_faces(orl_faces: OrlFaces, tmp_path: Path) -> None:
    knobs = settings(width=8, latent=16, batch=16, steps=60, sample_every=10)
    states, history, _ = train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path, "gan", 1))
    blind = 2 * math.log(2)
    assert history[0]["d_loss"] < 0.7 * blind, "D tells reals from noise within ten steps"
    assert history[-1]["patch_distance"] < 0.8 * history[0]["patch_distance"]

    reals = torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2)
    latents = torch.randn(100, 16, generator=torch.Generator().manual_seed(0))
    untrained, _ = train.build(knobs, 32, SEED)
    trained, _ = train.build(knobs, 32, SEED)
    trained.load_state_dict(states["generator"])
    before, after = (train.samples(net, latents) for net in (untrained, trained))
    assert distance(after, reals) < 0.6 * distance(before, reals)
    spread = reals.float().std(0).mean()
    assert abs(after.float().std(0).mean() - spread) < 0.6 * abs(before.float().std(0).mean() - spread)


@pytest.mark.parametrize(
    "changed",
    [{}, {"architecture": "resize_conv", "loss": "hinge", "diff_augment": True, "channels": 3}],
    ids=["dcgan", "resize_conv"],
)
def test_the_seed_decides_every_byte(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    monkeypatch.delenv("UNSEEN_THREADS")  # as many as a stage has
    knobs = settings(steps=3, **changed)
    first, again, other = (
        train.train(orl_faces.small, knobs, seed, Scratch(tmp_path, "gan", 1)) for seed in (SEED, SEED, SEED + 1)
    )
    assert same(first, again)
    assert not same(first, other)


def test_the_callers_random_state_changes_nothing(orl_faces: OrlFaces, tmp_path: Path) -> None:
    results = []
    for state in (1, 2):
        torch.manual_seed(state)
        np.random.seed(state)
        results.append(train.train(orl_faces.small, settings(steps=2), SEED, Scratch(tmp_path, "gan", 1)))
    assert same(*results)


def test_history_and_grid_have_a_row_for_each_sampled_step_and_the_last(orl_faces: OrlFaces, tmp_path: Path) -> None:
    states, history, grid = train.train(orl_faces.small, settings(), SEED, Scratch(tmp_path, "gan", 1))
    assert [row["step"] for row in history] == [3, 6, 8]
    assert [row["images"] for row in history] == [24, 48, 64]
    assert grid.shape == (3, train.GRID, 3, 32, 32)
    assert grid.dtype == torch.uint8
    assert set(states) == {"generator", "discriminator"}
    averaged, _ = train.build(settings(), 32, SEED)
    averaged.load_state_dict(states["generator"])
    fixed = torch.randn(train.JUDGED, 8, generator=generator(SEED, "grid"))
    last = train.samples(averaged, fixed)
    assert torch.equal(last[: train.GRID], grid[-1]), "the grid's last row is the generator that is saved"
    reals = torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2)
    assert history[-1]["patch_distance"] == patch_distance(reals, last)


def test_the_sampling_generator_is_a_moving_average(orl_faces: OrlFaces, tmp_path: Path) -> None:
    knobs = settings(steps=1, ema=0.75, sample_every=1)
    averaged = train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path, "gan", 1))[0]["generator"]
    current = train.train(orl_faces.small, settings(steps=1, ema=0.0), SEED, Scratch(tmp_path, "gan", 1))[0][
        "generator"
    ]
    start = train.build(knobs, 32, SEED)[0].state_dict()
    key = "layers.0.weight"
    assert not torch.equal(current[key], start[key])
    torch.testing.assert_close(averaged[key], 0.75 * start[key] + 0.25 * current[key])
    assert torch.equal(averaged["layers.1.running_mean"], current["layers.1.running_mean"])


def test_each_step_trains_on_other_faces_and_latents(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, ...]] = []

    def watched(pictures: Tensor, random: torch.Generator) -> Tensor:
        seen.append(tuple(pictures.detach().flatten().tolist()))
        return pictures

    monkeypatch.setattr(train, "diff_augment", watched)
    knobs = settings(steps=3, diff_augment=True, learning_rate=1e-9)
    train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path, "gan", 1))
    assert len(set(seen)) == 6


@pytest.mark.parametrize("wanted", [True, False])
def test_reals_and_fakes_are_augmented_alike_or_not_at_all(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    augmented: list[bool] = []

    def watched(pictures: Tensor, random: torch.Generator) -> Tensor:
        augmented.append(pictures.requires_grad)
        return pictures

    monkeypatch.setattr(train, "diff_augment", watched)
    train.train(orl_faces.small, settings(steps=2, diff_augment=wanted), SEED, Scratch(tmp_path, "gan", 1))
    assert augmented == ([False, True] * 2 if wanted else []), "reals, then fakes with their gradient"


@pytest.mark.parametrize("stop", [1, 4])
@pytest.mark.parametrize("architecture", ["dcgan", "resize_conv"])
def test_going_on_ends_with_the_same_bytes(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, stop: int
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    knobs = settings(architecture=architecture, diff_augment=True)
    whole = train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path / "whole", "gan", 1))
    with monkeypatch.context() as patch:
        stop_after(stop, patch)
        with pytest.raises(Interruption):
            train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path / "cut", "gan", 1))
    saved = Scratch(tmp_path / "cut", "gan", 1).load()
    assert saved is not None
    assert saved["step"] == stop
    assert same(train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path / "cut", "gan", 1)), whole)


def test_a_finished_run_is_not_run_again(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole = train.train(orl_faces.small, settings(), SEED, Scratch(tmp_path, "gan", 1))
    stop_after(0, monkeypatch)
    assert same(train.train(orl_faces.small, settings(), SEED, Scratch(tmp_path, "gan", 1)), whole)


def test_a_loss_that_is_not_finite_is_one_line_that_names_the_step(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(losses.GENERATOR, "non_saturating", lambda fake: fake.mean() * math.nan)
    with pytest.raises(UserError, match=r"step 2\b.*learning_rate") as error:
        train.train(orl_faces.small, settings(sample_every=2), SEED, Scratch(tmp_path, "gan", 1))
    assert "\n" not in str(error.value)


CHILD = """
import sys
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import save_file
from unseen.gans.settings import GanSettings
from unseen.gans.train import train
from unseen.runtime import Scratch

pictures, knobs, scratch, output = sys.argv[1:]
knobs = GanSettings.model_validate_json(knobs)
states, history, grid = train(np.load(pictures), knobs, 3, Scratch(Path(scratch), "gan", 1))
flat = {f"{net}.{key}": value.contiguous() for net in states for key, value in states[net].items()}
rows = torch.tensor([list(row.values()) for row in history], dtype=torch.float64)
save_file(flat | {"grid": grid, "history": rows}, output)
"""


def child(pictures: Path, knobs: GanSettings, scratch: Path, output: Path, every_s: str) -> "subprocess.Popen[str]":
    arguments = [str(pictures), knobs.model_dump_json(), str(scratch), str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "UNSEEN_CHECKPOINT_SECONDS": every_s}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )


def saved_pictures(pixels: Pixels, folder: Path) -> Path:
    np.save(folder / "faces.npy", pixels)
    return folder / "faces.npy"


def test_after_kill_9_it_goes_on_to_the_same_bytes(orl_faces: OrlFaces, tmp_path: Path) -> None:
    knobs, pictures = settings(steps=60, sample_every=20), saved_pictures(orl_faces.small, tmp_path)
    scratch = tmp_path / "scratch"
    process = child(pictures, knobs, scratch, tmp_path / "killed", "0")
    while process.poll() is None and not list(scratch.glob("*/checkpoint.pt")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert not (tmp_path / "killed").exists()

    process = child(pictures, knobs, scratch, tmp_path / "finished", "15")
    _, printed = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    assert "gan: going on from step" in printed

    states, history, grid = train.train(orl_faces.small, knobs, SEED, Scratch(tmp_path / "whole", "gan", 1))
    flat = load_file(tmp_path / "finished")
    assert torch.equal(flat.pop("grid"), grid)
    assert flat.pop("history").tolist() == [list(row.values()) for row in history]
    assert set(flat) == {f"{net}.{key}" for net in states for key in states[net]}
    assert all(torch.equal(flat[f"{net}.{key}"], states[net][key]) for net in states for key in states[net])
