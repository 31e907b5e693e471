"""One loop for all GANs."""

import importlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unseen.errors import UserError
from unseen.gans import losses
from unseen.gans.augment import diff_augment
from unseen.gans.quality import patch_distance
from unseen.gans.settings import GanSettings
from unseen.progress import progress
from unseen.runtime import Scratch, generator, prepare

GRID = 8
"""Samples in a row of the grid."""

JUDGED = 64
"""Samples of which the distance to the reals is measured; the first of them stand in the grid."""


def to_unit_range(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1.0


def build(settings: GanSettings, size: int, seed: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of the architecture, freshly initialised from the seed alone."""
    module = importlib.import_module(f"unseen.gans.{settings.architecture}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "weights").initial_seed()))
        return module.Generator(settings, size), module.Discriminator(settings, size)


def train(
    pictures: npt.NDArray[np.uint8], settings: GanSettings, seed: int, scratch: Scratch
) -> tuple[dict[str, dict[str, Tensor]], list[dict[str, float]], Tensor]:
    """Train a GAN; goes on from the scratch's checkpoint where there is one.

    Args:
        pictures: real faces [n, size, size, 3].
        settings: its knobs.
        seed: decides weights, batches, latents and augmentation.
        scratch: keeps the checkpoint.

    Returns:
        The states of `generator` (averaged) and `discriminator`; a row of losses and `patch_distance` for each
        sampled step; and samples of the same latents along the training, uint8 [rows, GRID, 3, size, size].

    Raises:
        UserError: a loss is no longer finite.
    """
    device = prepare()
    size = pictures.shape[1]
    data = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().to(device)
    g, d = (net.to(device, memory_format=torch.channels_last) for net in build(settings, size, seed))  # type: ignore[call-overload]
    averaged, _ = build(settings, size, seed)
    averaged = averaged.to(device).requires_grad_(False)
    betas = (settings.beta1, 0.999)
    g_optimizer = torch.optim.Adam(g.parameters(), settings.learning_rate, betas)
    d_optimizer = torch.optim.Adam(d.parameters(), settings.learning_rate, betas)
    d_loss_of, g_loss_of = losses.DISCRIMINATOR[settings.loss], losses.GENERATOR[settings.loss]
    fixed = torch.randn(JUDGED, settings.latent, generator=generator(seed, "grid")).to(device)
    nets = {"g": g, "d": d, "averaged": averaged, "g_optimizer": g_optimizer, "d_optimizer": d_optimizer}
    first, history, grid = 0, [], []

    saved = scratch.load()
    if saved:
        for name, net in nets.items():
            net.load_state_dict(saved[name])
        first, history, grid = saved["step"], saved["history"], list(saved["grid"])

    for step in progress(range(first, settings.steps), "gan", "step", settings.steps, first):
        random = generator(seed, "step", step)
        rows = torch.randint(len(data), (settings.batch,), generator=random)
        real = to_unit_range(data[rows.to(device)])
        mirrored = (torch.rand(settings.batch, generator=random) < 0.5).to(device)
        real = torch.where(mirrored[:, None, None, None], real.flip(3), real)
        fake = g(torch.randn(settings.batch, settings.latent, generator=random).to(device))
        if settings.diff_augment:
            real, fake = diff_augment(real, random), diff_augment(fake, random)

        d_optimizer.zero_grad(set_to_none=True)
        d_loss = d_loss_of(d(real), d(fake.detach()))
        d_loss.backward()  # type: ignore[no-untyped-call]
        d_optimizer.step()

        g_optimizer.zero_grad(set_to_none=True)
        g_loss = g_loss_of(d(fake))
        g_loss.backward()  # type: ignore[no-untyped-call]
        g_optimizer.step()
        _average(averaged, g, settings.ema)

        done = step + 1
        if done % settings.sample_every == 0 or done == settings.steps:
            drawn = samples(averaged, fixed).cpu()
            row = _losses(done, settings, d_loss, g_loss)
            history.append(row | {"patch_distance": patch_distance(data.cpu(), drawn)})
            grid.append(drawn[:GRID])
        if scratch.due():
            kept = {"step": done, "history": history, "grid": torch.stack(grid) if grid else torch.empty(0)}
            scratch.save(kept | {name: net.state_dict() for name, net in nets.items()})
    states = {"generator": averaged.state_dict(), "discriminator": d.state_dict()}
    return states, history, torch.stack(grid)


def _losses(step: int, settings: GanSettings, d_loss: Tensor, g_loss: Tensor) -> dict[str, float]:
    """A row of the loss table; the only place where the loop waits for the device."""
    row = {"step": step, "images": step * settings.batch, "d_loss": d_loss.item(), "g_loss": g_loss.item()}
    if not np.isfinite([row["d_loss"], row["g_loss"]]).all():
        raise UserError(
            f"the GAN's loss is no longer finite at step {step} (D {row['d_loss']}, G {row['g_loss']}); "
            "halve `learning_rate`, or take `loss: hinge`"
        )
    return row


@torch.no_grad()
def _average(averaged: nn.Module, current: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the current ones; statistics are taken over."""
    for mean, now in zip(averaged.parameters(), current.parameters(), strict=True):
        mean.lerp_(now, 1.0 - decay)
    for mean_statistic, statistic in zip(averaged.buffers(), current.buffers(), strict=True):
        mean_statistic.copy_(statistic)


@torch.no_grad()
def samples(net: nn.Module, latents: Tensor) -> Tensor:
    """Pictures of latents as uint8 [n, 3, size, size], with the network in evaluation mode."""
    net.eval()
    pictures: Tensor = net(latents)
    return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
