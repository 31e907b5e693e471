"""The training loop of all neural detectors."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.core.parallel import Parallel
from unseen.core.progress import progress
from unseen.core.runtime import half, on, prepare, seeded
from unseen.core.stop import Stop
from unseen.data.pictures import Faces
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.batches import Batch, Batches
from unseen.detectors.shared.consistency import training_loss
from unseen.detectors.shared.logits import as_batch, logits_of_faces
from unseen.detectors.shared.settings import NetworkSettings

PLATEAU = 0.1
"""Factor of the learning rate in `schedule: plateau`."""

OPTIMIZERS: dict[str, Any] = {
    "adamw": partial(torch.optim.AdamW, fused=True),
    "adam": partial(torch.optim.Adam, fused=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9),  # fused SGD fails if some weights have no gradient at first
}


def _without_improvement(history: History) -> int:
    """Number of validations since the lowest loss."""
    losses = [row["val_loss"] for row in history]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def _counted(settings: NetworkSettings, history: History) -> History:
    """The validations that patience counts: those after the frozen steps, if these are not all steps."""
    frozen = settings.frozen_steps if settings.frozen_steps < settings.steps else 0
    return [row for row in history if row["step"] > frozen]


def _learning_rate(settings: NetworkSettings, step: int, history: History) -> float:
    if step < settings.frozen_steps and settings.frozen_learning_rate is not None:
        return settings.frozen_learning_rate
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    if settings.schedule == "plateau":
        every, lowest, worse, drops = settings.patience // 2, math.inf, 0, 0
        for row in _counted(settings, history):
            worse = worse + 1 if row["val_loss"] >= lowest else 0
            lowest = min(lowest, row["val_loss"])
            drops += worse > 0 == worse % every
        return rate * PLATEAU**drops
    return rate


def _validation_loss(model: Detector, val: Faces, device: torch.device) -> float:
    """Log loss with equal class weights."""
    logits, labels = torch.from_numpy(logits_of_faces(model, val, device)), torch.from_numpy(val.labels)
    each = functional.binary_cross_entropy_with_logits(logits, labels.double(), reduction="none")
    return float((each[labels == 0].mean() + each[labels == 1].mean()) / 2)


def _set_trainable(model: Detector, frozen: bool) -> None:
    """Enable gradients of the head, or of `model.trainable()`. Frozen batch norms keep their statistics."""
    model.train()
    trained = {id(weight) for weight in (model.head().parameters() if frozen else model.trainable())}
    for weight in model.parameters():
        weight.requires_grad_(id(weight) in trained)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.weight is not None:
            module.train(module.training and module.weight.requires_grad)


def fit(model: Detector, task: Task) -> History:
    """Train a network, and keep the weights with the lowest validation loss.

    Args:
        model: from its kind's `create`.
        task: faces and settings; the validation faces select the weights.

    Returns:
        One row per validation: step, learning rate, training and validation loss.

    Raises:
        UserError: the loss is no longer finite; or the process was asked to stop, and the next run resumes.
    """
    settings, device, parallel = task.settings, prepare(), Parallel()
    assert isinstance(settings, NetworkSettings)
    parallel.check(settings.batch, 2)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parallel.networks(model)
    knobs = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    weights = list(model.parameters())
    optimizer = OPTIMIZERS[settings.optimizer](weights, **knobs)
    first, history, best, running = 0, [], _copied(model), []

    saved = task.scratch.load()
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first, history, best = saved["step"], saved["history"], saved["best"]
        running = [value.to(device) for value in saved["running"]]

    def ended() -> bool:
        return 0 < settings.patience <= _without_improvement(_counted(settings, history))

    def batches() -> Iterator[tuple[int, Batch]]:
        steps = range(first, first if ended() else settings.steps)
        made = Batches(task.train, settings, task.seed, model.view)
        yield from zip(steps, made(steps, parallel.slice(settings.batch)), strict=True)

    mode: bool | None = None
    with Stop() as stop:
        for step, batch in progress(batches(), "detector", "step", settings.steps, first):
            rate = _learning_rate(settings, step, history)
            for group in optimizer.param_groups:
                group["lr"] = rate
            frozen = step < settings.frozen_steps
            if mode is not frozen:
                _set_trainable(model, frozen)
                mode = frozen
            with half(device), seeded(task.seed, "dropout", step, parallel.rank):
                labels = on(device, torch.from_numpy(batch.labels).float())
                clean = None if batch.clean is None else as_batch(batch.clean, device)
                loss = training_loss(model, as_batch(batch.pixels, device), clean, labels, batch.rows, task)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            running.append(loss.detach().float())
            parallel.average([running[-1], *(weight.grad for weight in weights)])
            optimizer.step()

            done = step + 1
            stopping = parallel.any(stop.asked)
            if done % settings.validate_every == 0 or done == settings.steps:
                losses = {
                    "train_loss": torch.stack(running).double().mean().item(),
                    "val_loss": parallel.first(_validation_loss(model, task.val, device)),
                }
                mode = None
                if not all(map(math.isfinite, losses.values())):
                    raise UserError(f"the loss is no longer finite at step {done}; lower `learning_rate`")
                history.append({"step": done, "learning_rate": rate, **losses})
                running = []
                if not _without_improvement(history):
                    best = _copied(model)
            # Also at the end: the training of the next seed may be interrupted.
            if (done == settings.steps or ended() or stopping or task.scratch.due()) and not parallel.rank:
                state = {"step": done, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
                task.scratch.save(state | {"history": history, "best": best, "running": running})
            if ended():
                break
            if stopping and done < settings.steps:
                raise stop.error(f"step {done} of {settings.steps}")
    model.load_state_dict(best)
    return history


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
