"""The training loop of all GANs."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from unseen.core.errors import UserError
from unseen.core.parallel import Parallel
from unseen.core.progress import progress
from unseen.core.runtime import generator, half, on
from unseen.core.scratch import Scratch
from unseen.core.stop import Stop
from unseen.gans.shared.networks import build_gan, placed
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.augment import diff_augment, draw
from unseen.gans.training.gan_metrics import GanMetrics, Row
from unseen.gans.training.losses import loss_of, squared_gradient

States = dict[str, dict[str, Tensor]]


@dataclass
class TrainedNetworks:
    """The result of a training.

    Attributes:
        states: of `generator` (averaged), `discriminator`, and the generator at each snapshot, as `at-0.5`.
        history: one row per measurement.
        grid: samples of the same latents at each measurement, uint8 [rows, columns, 3, size, size].
    """

    states: States
    history: list[Row]
    grid: Tensor


@dataclass
class _Recent:
    """Losses since the last measurement. They stay on the device, so that no step waits for a copy."""

    losses: list[Tensor] = field(default_factory=list)
    penalties: list[Tensor] = field(default_factory=list)

    def check(self, done: int) -> None:
        """Raise an error if a loss is not finite; called before a checkpoint or row is written."""
        if not self.losses:
            return
        finite = torch.stack(self.losses).isfinite().all(1).tolist()
        if False in finite:
            step = done - len(finite) + 1 + finite.index(False)
            raise UserError(
                f"the GAN's losses are no longer finite at step {step}; the checkpoint before it is kept. "
                "Halve `learning_rate`, set `loss: hinge`, or raise `penalty`"
            )

    def row(self, done: int, batch: int) -> Row:
        """The mean losses, as a row of the history."""
        self.check(done)
        d_loss, g_loss = torch.stack(self.losses).double().mean(0).tolist()
        penalty = torch.stack(self.penalties).double().mean().item() if self.penalties else 0.0
        return {"step": done, "images": done * batch, "d_loss": d_loss, "g_loss": g_loss, "squared_gradient": penalty}


def train(
    reals: Reals, gan_metrics: GanMetrics, settings: GanSettings, seed: int, scratch: Scratch
) -> TrainedNetworks:
    """Train a GAN; resumes from a checkpoint in the scratch folder.

    Args:
        reals: the faces, on the device to train on.
        gan_metrics: measures the GAN every `sample_every` images.
        settings: the GAN's settings.
        seed: determines weights, batches, latents and augmentation.
        scratch: folder of the checkpoint.

    Raises:
        UserError: a loss is no longer finite; or the process was asked to stop, and the next run resumes.
    """
    device, size = reals.device, reals.size
    parallel = Parallel()
    parallel.check(settings.batch)
    g, d = parallel.networks(*(placed(net, device) for net in build_gan(settings, size, seed)))
    averaged = copy.deepcopy(g).requires_grad_(False)
    g_optimizer, d_optimizer = (torch.optim.Adam(net.parameters(), fused=True) for net in (g, d))
    loss = loss_of(settings)
    kept: dict[str, Any] = {
        "g": g,
        "d": d,
        "averaged": averaged,
        "g_optimizer": g_optimizer,
        "d_optimizer": d_optimizer,
    }
    done, history, grid, snapshots, recent = 0, [], [], {}, _Recent()

    saved = scratch.load()
    if saved:
        for name, part in kept.items():
            part.load_state_dict(saved[name])
        done, history, grid, snapshots = saved["step"], saved["history"], list(saved["grid"]), saved["snapshots"]
        recent = _Recent(*([value.to(device) for value in values] for values in saved["recent"]))

    def checkpoint() -> None:
        recent.check(done)
        state = {name: part.state_dict() for name, part in kept.items()}
        state |= {"history": history, "grid": _stacked(grid), "snapshots": snapshots}
        scratch.save(state | {"step": done, "recent": [recent.losses, recent.penalties]})

    with Stop() as stop:
        batch, steps = settings.batch, range(done, settings.steps)
        for step in progress(steps, "gan", "image", settings.steps * batch, done * batch, batch):
            seen, random = step * batch, generator(seed, "step", step)
            for optimizer in (g_optimizer, d_optimizer):
                _schedule(optimizer, settings, seen)
            # Draw for all processes' batches, so that the result does not depend on the number of processes.
            real = reals.batch(*parallel.part(*reals.draw(batch, random)))
            drawn = [torch.randn(batch, settings.latent, generator=random), draw(batch, random), draw(batch, random)]
            latents, *draws = (on(device, part) for part in parallel.part(*drawn))
            with half(device):
                fake = g(latents)
                if settings.diff_augment:
                    real, fake = diff_augment(real, draws[0]), diff_augment(fake, draws[1])
                d_loss = loss.discriminator(d(real).float(), d(fake.detach()).float())
            total = d_loss
            penalty = settings.at(settings.penalty, seen)
            if penalty and step % settings.penalty_every == 0:
                slopes = squared_gradient(d, real) + squared_gradient(d, fake)
                total = d_loss + 0.5 * penalty * settings.penalty_every * slopes
                recent.penalties.append(slopes.detach())
                parallel.average([recent.penalties[-1]])
            _update(d_optimizer, total, d, parallel)

            d.requires_grad_(False)  # D passes gradients to G and needs none for its own weights
            with half(device):
                on_real = d(real).float() if loss.paired else d_loss
                g_loss = loss.generator(on_real, d(fake).float())
            _update(g_optimizer, g_loss, g, parallel)
            d.requires_grad_(True)
            _average(averaged, g, settings, seen)
            recent.losses.append(torch.stack([d_loss.detach(), g_loss.detach()]))
            parallel.average([recent.losses[-1]])

            done = step + 1
            last = done == settings.steps
            for share in settings.snapshots:
                if done == max(1, round(share * settings.steps)):
                    snapshots[f"at-{share}"] = _on_host(averaged.state_dict())
            stopping = parallel.any(stop.asked)
            if parallel.rank:
                recent = _Recent()
                if stopping and not last:
                    raise SystemExit(1)  # the first process prints the reason
                continue
            if last or done * batch // settings.sample_every > seen // settings.sample_every:
                row, samples = gan_metrics(averaged, d, recent.row(done, batch))
                history.append(row)
                grid.append(samples)
                recent = _Recent()
            if last or stopping or scratch.due():  # also at the end: the next training seed may be interrupted
                checkpoint()
            if stopping and not last:
                raise stop.error(f"{done * batch} of {settings.images} images")
    states = {"generator": averaged.state_dict(), "discriminator": d.state_dict(), **snapshots}
    return TrainedNetworks({name: _on_host(state) for name, state in states.items()}, history, _stacked(grid))


def _stacked(grid: list[Tensor]) -> Tensor:
    return torch.stack(grid) if grid else torch.empty(0)


def _schedule(optimizer: torch.optim.Optimizer, settings: GanSettings, seen: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = settings.at(settings.learning_rate, seen)
        group["betas"] = (settings.beta1, settings.at(settings.beta2, seen))


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, net: nn.Module, parallel: Parallel) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    parallel.average(weight.grad for weight in net.parameters())
    optimizer.step()


@torch.no_grad()
def _average(averaged: nn.Module, current: nn.Module, settings: GanSettings, seen: int) -> None:
    """Update the exponential moving average of the weights; batch-norm statistics are copied."""
    half_life = settings.at(settings.ema, seen)
    decay = 0.5 ** (settings.batch / half_life) if half_life else 0.0
    move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    move(list(averaged.parameters()), list(current.parameters()), None)
    for mean, statistic in zip(averaged.buffers(), current.buffers(), strict=True):
        mean.copy_(statistic)


def _on_host(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
