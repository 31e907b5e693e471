"""The training loop of GANs, on real faces: it learns, repeats itself, and does what its knobs say."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from faces_for_training import OrlFaces
from unseen.core.errors import UserError
from unseen.core.runtime import generator, prepare
from unseen.core.scratch import Scratch
from unseen.gans.shared.networks import build_gan, samples
from unseen.gans.training import train as loop
from unseen.gans.training.gan_metrics import GRID
from unseen.gans.training.losses import Loss, loss_of

from .tiny import KINDS, SEED, gan_metrics, same, same_states, settings, trained

Update = Callable[[torch.optim.Optimizer, Tensor, nn.Module, Any], None]


KID_LIMIT = 0.75


def learned(faces: OrlFaces, scratch: Path, kind: str, **changed: Any) -> tuple[float, float]:
    """D's lowest loss and the distance of the samples from the faces (KID) after a training, as shares of what they
    are of networks that have learned nothing. tests/README.md has what was seen with other seeds and processors."""
    knobs = settings(kind, width=8, latent=16, batch=16, burn_in=960, sample_every=160, **changed)
    result = trained(faces.small, knobs, scratch)
    blind = {"dcgan": 2 * math.log(2), "r3gan": math.log(2)}[kind]
    untrained, d = build_gan(knobs, 32, SEED)
    start, _ = gan_metrics(faces.small, knobs)(untrained, d, result.history[0])
    return min(row["d_loss"] for row in result.history) / blind, result.history[-1]["kid_lite1"] / start["kid_lite1"]


@pytest.mark.parametrize(
    ("kind", "limit", "changed"),
    [
        ("dcgan", 0.7, {"images": 960}),
        ("r3gan", 0.95, {"images": 480, "penalty": 0.2, "penalty_every": 4, "diff_augment": False}),
    ],
)
def test_it_learns_on_real_faces(
    orl_faces: OrlFaces, tmp_path: Path, kind: str, limit: float, changed: dict[str, Any]
) -> None:
    d_loss, kid = learned(orl_faces, tmp_path, kind, **changed)
    assert d_loss < limit, "D tells reals from fakes"
    assert kid < KID_LIMIT


def test_a_training_that_is_broken_does_not_learn(orl_faces: OrlFaces, tmp_path: Path) -> None:
    d_loss, kid = learned(orl_faces, tmp_path, "dcgan", images=320, learning_rate=1e-12)
    assert d_loss > 0.7
    assert kid > KID_LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_every_byte(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.delenv("UNSEEN_THREADS")  # as many as a stage has
    prepare()
    knobs = settings(kind, images=16, channels=3)
    first, again, other = (trained(orl_faces.small, knobs, tmp_path, seed) for seed in (SEED, SEED, SEED + 1))
    assert same(first, again)
    assert not same_states(first.states, other.states)


def test_the_callers_random_state_changes_nothing(orl_faces: OrlFaces, tmp_path: Path) -> None:
    results = []
    for state in (1, 2):
        torch.manual_seed(state)
        np.random.seed(state)
        results.append(trained(orl_faces.small, settings(images=16, diff_augment=True), tmp_path))
    assert same(*results)


@pytest.mark.parametrize(
    ("images", "every", "rows"),
    [(64, 24, [24, 48, 64]), (60, 24, [24, 48, 64]), (48, 24, [24, 48]), (64, 1000, [64]), (24, 3, [8, 16, 24])],
)
def test_there_is_a_row_each_time_that_the_gan_is_measured_and_one_at_the_end(
    orl_faces: OrlFaces, tmp_path: Path, images: int, every: int, rows: list[int]
) -> None:
    result = trained(orl_faces.small, settings(images=images, sample_every=every), tmp_path)
    assert [row["images"] for row in result.history] == rows
    assert [row["step"] * 8 for row in result.history] == rows
    assert result.grid.shape == (len(rows), GRID, 3, 32, 32)
    assert result.grid.dtype == torch.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_says_how_the_losses_were_since_the_last_and_what_d_remembers(
    orl_faces: OrlFaces, tmp_path: Path, kind: str
) -> None:
    row = trained(orl_faces.small, settings(kind, images=24), tmp_path).history[-1]
    assert all(math.isfinite(value) for value in row.values())
    for name in ("d_right_on_train", "d_right_on_held_back", "d_right_on_fakes", "precision", "recall"):
        assert 0 <= row[name] <= 1
    assert (row["squared_gradient"] > 0) == (kind == "r3gan"), "0 where there is no penalty"


def test_the_last_row_is_of_the_generator_that_is_saved(orl_faces: OrlFaces, tmp_path: Path) -> None:
    result = trained(orl_faces.small, settings(), tmp_path)
    assert set(result.states) == {"generator", "discriminator"}
    net, d = build_gan(settings(), 32, SEED)
    net.load_state_dict(result.states["generator"])
    d.load_state_dict(result.states["discriminator"])
    row, drawn = gan_metrics(orl_faces.small, settings())(net, d, result.history[-1])
    assert torch.equal(drawn, result.grid[-1])
    assert row == result.history[-1]
    fixed = torch.randn(32, 8, generator=generator(SEED, "grid"))
    assert torch.equal(samples(net, fixed)[:GRID], result.grid[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_how_often_it_is_measured_changes_no_weight(orl_faces: OrlFaces, tmp_path: Path, kind: str) -> None:
    often, seldom = (
        trained(orl_faces.small, settings(kind, images=32, sample_every=every), tmp_path) for every in (8, 1000)
    )
    assert (len(often.history), len(seldom.history)) == (4, 1)
    assert same_states(often.states, seldom.states)
    assert torch.equal(often.grid[-1], seldom.grid[-1])
    assert seldom.history[0]["d_loss"] == pytest.approx(sum(row["d_loss"] for row in often.history) / 4)


def test_the_sampling_generator_is_a_moving_average(orl_faces: OrlFaces, tmp_path: Path) -> None:
    def after_a_step(ema: Any) -> dict[str, Tensor]:
        return trained(orl_faces.small, settings(images=8, ema=ema), tmp_path).states["generator"]

    key, start = "layers.0.weight", build_gan(settings(), 32, SEED)[0].state_dict()
    current = after_a_step(0)
    assert not torch.equal(current[key], start[key])
    torch.testing.assert_close(after_a_step(8)[key], 0.5 * start[key] + 0.5 * current[key])
    torch.testing.assert_close(after_a_step(4)[key], 0.25 * start[key] + 0.75 * current[key])
    assert torch.equal(after_a_step({"start": 0, "end": 10**6})[key], current[key]), "a ramp from 0 starts without"
    assert torch.equal(after_a_step(8)["layers.1.running_mean"], current["layers.1.running_mean"])


@pytest.mark.parametrize("batch", [2, 4, 32, 64])
def test_after_its_half_life_half_of_the_average_is_new_whatever_the_batch(batch: int) -> None:
    averaged, current = nn.Linear(3, 3), nn.Linear(3, 3)
    start = averaged.weight.detach().clone()
    for seen in range(0, 64, batch):
        loop._average(averaged, current, settings(ema=64, batch=batch), seen)
    torch.testing.assert_close(averaged.weight, (start + current.weight) / 2)


@pytest.mark.parametrize("kind", ["dcgan", "r3gan"])
def test_a_snapshot_is_the_generator_as_it_was_then(orl_faces: OrlFaces, tmp_path: Path, kind: str) -> None:
    knobs = settings(kind, images=32, snapshots=[0.5, 0.25, 0.01])
    result = trained(orl_faces.small, knobs, tmp_path)
    assert set(result.states) == {"generator", "discriminator", "at-0.5", "at-0.25", "at-0.01"}
    half = trained(orl_faces.small, settings(kind, images=16), tmp_path).states["generator"]
    assert same_states({"": result.states["at-0.5"]}, {"": half})
    assert not same_states({"": result.states["at-0.5"]}, {"": result.states["generator"]})
    assert not same_states({"": result.states["at-0.5"]}, {"": result.states["at-0.25"]})
    assert same_states({"": result.states["at-0.01"]}, {"": result.states["at-0.25"]}), "after one step at least"


def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, dict[str, Any], dict[str, Tensor]]]:
    """Of each update: whether it is D's, the optimizer's knobs, and the gradients."""
    seen: list[tuple[bool, dict[str, Any], dict[str, Tensor]]] = []
    update: Update = loop._update

    def watch(optimizer: torch.optim.Optimizer, loss: Tensor, net: nn.Module, parallel: Any) -> None:
        update(optimizer, loss, net, parallel)
        group = {name: optimizer.param_groups[0][name] for name in ("lr", "betas")}
        gradients = {name: weight.grad.clone() for name, weight in net.named_parameters() if weight.grad is not None}
        seen.append((hasattr(net, "features"), group, gradients))

    monkeypatch.setattr(loop, "_update", watch)
    return seen


def test_both_optimizers_follow_the_ramps(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch)
    knobs = settings(
        images=40, burn_in=16, learning_rate={"start": 0.01, "end": 0.001}, beta2={"start": 0.9, "end": 0.99}
    )
    trained(orl_faces.small, knobs, tmp_path)
    assert [of_d for of_d, _, _ in seen] == [True, False] * 5
    for of_d in (True, False):
        groups = [group for which, group, _ in seen if which == of_d]
        assert [group["lr"] for group in groups] == pytest.approx([0.01, 0.0055, 0.001, 0.001, 0.001])
        assert [group["betas"][1] for group in groups] == pytest.approx([0.9, 0.945, 0.99, 0.99, 0.99])
        assert {group["betas"][0] for group in groups} == {0.5}


@pytest.mark.parametrize("kind", ["spectral", "r3gan"])
def test_the_penalty_reaches_ds_weights_and_weighs_as_many_times_more_as_it_is_rarer(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    seen = watched(monkeypatch)

    def first_gradients(gamma: float, every: int) -> dict[str, Tensor]:
        seen.clear()
        trained(orl_faces.small, settings(kind, images=8, penalty=gamma, penalty_every=every), tmp_path)
        return seen[0][2]

    without, once, rarer = (first_gradients(*knobs) for knobs in ((0.0, 1), (3.0, 1), (3.0, 4)))
    key = next(name for name, gradient in once.items() if gradient.dim() == 4 and gradient.any())
    reached = once[key] - without[key]
    assert reached.norm() > 1e-3 * without[key].norm()
    away = rarer[key] - without[key] - 4 * reached
    assert away.norm() < 1e-3 * reached.norm()


def test_half_of_gamma_weighs_the_squared_gradients_at_reals_and_at_fakes(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    update: Update = loop._update

    def watch(optimizer: torch.optim.Optimizer, loss: Tensor, net: nn.Module, parallel: Any) -> None:
        losses.append(loss.item())
        update(optimizer, loss, net, parallel)

    monkeypatch.setattr(loop, "_update", watch)
    knobs = settings("spectral", images=8, penalty=3.0, penalty_every=4)
    row = trained(orl_faces.small, knobs, tmp_path).history[0]
    assert row["squared_gradient"] > 0.01
    assert losses[0] == pytest.approx(row["d_loss"] + 0.5 * 3.0 * 4 * row["squared_gradient"], rel=1e-5)
    assert losses[1] == pytest.approx(row["g_loss"], rel=1e-5)


def test_a_paired_loss_asks_d_about_the_same_reals_again(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, seen = loss_of(settings("r3gan")), []

    def one(name: str) -> Callable[[Tensor, Tensor], Tensor]:
        def call(real: Tensor, fake: Tensor) -> Tensor:
            seen.append((real.detach(), fake.detach()))
            found: Tensor = getattr(good, name)(real, fake)
            return found

        return call

    monkeypatch.setattr(loop, "loss_of", lambda knobs: Loss(one("discriminator"), one("generator"), good.paired))
    trained(orl_faces.small, settings("r3gan", images=8, learning_rate=0), tmp_path)  # D answers as it did before
    (real, fake), (real_again, fake_again) = seen
    torch.testing.assert_close(real_again, real)
    torch.testing.assert_close(fake_again, fake)


@pytest.mark.parametrize(("every", "times"), [(1, 5), (2, 3), (4, 2), (10, 1)])
def test_a_penalty_comes_once_in_so_many_steps(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, times: int
) -> None:
    seen: list[Tensor] = []
    monkeypatch.setattr(loop, "squared_gradient", lambda d, x: seen.append(x) or 0 * d(x.detach()).mean())
    trained(orl_faces.small, settings(images=40, penalty=1.0, penalty_every=every), tmp_path)
    assert len(seen) == 2 * times, "at reals and at fakes"
    assert not torch.equal(seen[0], seen[1])


def test_each_step_trains_on_other_faces_latents_and_augmentations(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, ...]] = []

    def watch(pictures: Tensor, draws: Tensor) -> Tensor:
        seen.extend(tuple(part.detach().flatten().tolist()) for part in (pictures, draws))
        return pictures

    monkeypatch.setattr(loop, "diff_augment", watch)
    trained(orl_faces.small, settings(images=24, diff_augment=True, learning_rate=1e-9), tmp_path)
    assert len(seen) == len(set(seen)) == 2 * 2 * 3


@pytest.mark.parametrize("wanted", [True, False])
def test_reals_and_fakes_are_augmented_alike_or_not_at_all(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    augmented: list[bool] = []

    def watch(pictures: Tensor, draws: Tensor) -> Tensor:
        augmented.append(pictures.requires_grad)
        return pictures

    monkeypatch.setattr(loop, "diff_augment", watch)
    trained(orl_faces.small, settings(images=16, diff_augment=wanted), tmp_path)
    assert augmented == ([False, True] * 2 if wanted else []), "reals, then fakes with their gradient"


def broken_at(step: int, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one network's loss be NaN from a step on, as overflow would make it."""
    good, calls = loss_of(settings()), {"discriminator": 0, "generator": 0}

    def one(name: str) -> Callable[[Tensor, Tensor], Tensor]:
        def call(real: Tensor, fake: Tensor) -> Tensor:
            calls[name] += 1
            found: Tensor = getattr(good, name)(real, fake)
            return found * math.nan if name == side and calls[name] >= step else found

        return call

    monkeypatch.setattr(loop, "loss_of", lambda knobs: Loss(one("discriminator"), one("generator")))


@pytest.mark.parametrize("side", ["discriminator", "generator"])
@pytest.mark.parametrize("step", [1, 3, 4, 8])
def test_a_loss_that_is_not_finite_is_one_line_that_names_the_step(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str, step: int
) -> None:
    broken_at(step, side, monkeypatch)
    with pytest.raises(UserError, match=rf"step {step};.*learning_rate") as error:
        trained(orl_faces.small, settings(), tmp_path)
    assert "\n" not in str(error.value)


def test_no_checkpoint_holds_a_loss_that_is_not_finite(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    broken_at(5, "generator", monkeypatch)
    with pytest.raises(UserError, match="step 5;"):
        trained(orl_faces.small, settings(), tmp_path)
    saved = Scratch(tmp_path, "gan", 1).load()
    assert saved is not None
    assert saved["step"] == 4
    assert all(value.isfinite().all() for net in ("g", "d", "averaged") for value in saved[net].values())


def test_a_learning_rate_that_is_far_too_high_is_found_out(orl_faces: OrlFaces, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no longer finite at step 1;"):
        trained(orl_faces.small, settings(learning_rate=1e30), tmp_path)


def test_what_it_is_told_about_the_faces_is_what_it_trains_on(orl_faces: OrlFaces, tmp_path: Path) -> None:
    """Other faces are another GAN: nothing is taken from anywhere else."""
    knobs = settings(images=16)
    first = trained(orl_faces.small, knobs, tmp_path)
    other = trained(orl_faces.small[::-1].copy(), knobs, tmp_path)
    assert not same_states(first.states, other.states)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_no_step_waits_for_the_gpu(orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def watched(items: Iterable[int], *_: object) -> Iterator[int]:
        for number, item in enumerate(items):
            # The first steps choose algorithms, and the last one is judged.
            torch.cuda.set_sync_debug_mode("error" if 2 <= number < 9 else "default")
            yield item
        torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(loop, "progress", watched)
    monkeypatch.setenv("UNSEEN_DEVICE", "cuda")
    knobs = settings("r3gan", images=80, sample_every=1000)
    found = trained(orl_faces.small, knobs, tmp_path, device=torch.device("cuda"))
    assert found.states  # no step raised, as a copy to the host would in this mode
