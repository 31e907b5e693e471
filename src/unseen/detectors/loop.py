"""The one training loop of neural detectors."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from unseen.detectors.augment import augment
from unseen.detectors.base import Detector, History, Task
from unseen.detectors.settings import NetworkSettings
from unseen.errors import UserError
from unseen.pictures import Faces, Pixels
from unseen.progress import progress
from unseen.runtime import generator, prepare

SCORING_BATCH = 64


def as_batch(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 [n, s, s, 3] as a tensor [n, 3, s, s] on the device."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)


@torch.inference_mode()
def logits_of(model: Detector, pixels: Pixels, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of pictures uint8 [n, s, s, 3], in evaluation mode."""
    model.eval()
    parts = [
        model(as_batch(pixels[i : i + SCORING_BATCH], device)).cpu() for i in range(0, len(pixels), SCORING_BATCH)
    ]
    return np.asarray(torch.cat(parts).numpy(), np.float64)


Rows = dict[int, list[npt.NDArray[np.int64]]]


def _rows_by_source(faces: Faces) -> Rows:
    """For each label, the rows of each of its sources, by name."""
    sources, labels = np.asarray(faces.columns["source"]), faces.labels
    return {
        label: [
            np.flatnonzero((sources == name) & (labels == label))
            for name in sorted(set(sources[labels == label].tolist()))
        ]
        for label in (0, 1)
    }


def _balanced(rows: Rows, batch: int, random: torch.Generator) -> npt.NDArray[np.int64]:
    """Rows of a batch: half real, half fake; within each half every source as often, whatever its size."""
    chosen: list[int] = []
    for label in (0, 1):
        for pick in torch.randint(len(rows[label]), (batch // 2,), generator=random).tolist():
            source = rows[label][pick]
            chosen.append(int(source[int(torch.randint(len(source), (1,), generator=random))]))
    return np.asarray(chosen)


def _learning_rate(settings: NetworkSettings, step: int) -> float:
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


def _validation_loss(model: Detector, val: Faces, device: torch.device) -> float:
    """Log loss with both classes weighing the same."""
    logits = torch.from_numpy(logits_of(model, val.pixels, device))
    labels = torch.from_numpy(val.labels)
    each = functional.binary_cross_entropy_with_logits(logits, labels.double(), reduction="none")
    return float((each[labels == 0].mean() + each[labels == 1].mean()) / 2)


def fit(model: Detector, task: Task) -> History:
    """Fit a network and leave it with the weights of its lowest validation loss.

    Args:
        model: made by its kind's `create`.
        task: the faces and knobs; validation faces choose the checkpoint and nothing else does.

    Returns:
        A row for each validation: step, learning rate, training and validation loss.

    Raises:
        UserError: the loss is no longer finite.
    """
    settings = task.settings
    assert isinstance(settings, NetworkSettings)
    device = prepare()
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    head = {id(weight) for weight in model.head().parameters()}
    by_source = _rows_by_source(task.train)
    first, history, best, best_loss, running = 0, [], model.state_dict(), math.inf, []

    saved = task.scratch.load()
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first, history, best, best_loss = saved["step"], saved["history"], saved["best"], saved["best_loss"]
        running = saved["running"]

    for step in progress(range(first, settings.steps), "detector", "step", settings.steps, first):
        model.train()
        for weight in model.parameters():
            weight.requires_grad_(step >= settings.frozen_steps or id(weight) in head)
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(settings, step)
        random = generator(task.seed, "detector", step)
        rows = _balanced(by_source, settings.batch, random)
        pixels = augment(task.train.pixels[rows], settings.augment, random)
        labels = torch.from_numpy(task.train.labels[rows]).float().to(device)
        loss = functional.binary_cross_entropy_with_logits(model(as_batch(pixels, device)), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        running.append(loss.detach().item())

        done = step + 1
        if done % settings.validate_every == 0 or done == settings.steps:
            row = {"step": done, "learning_rate": _learning_rate(settings, step)}
            row |= {
                "train_loss": float(np.mean(running)),
                "val_loss": _validation_loss(model, task.val, device),
            }
            if not math.isfinite(row["train_loss"] + row["val_loss"]):
                raise UserError(f"the loss is no longer finite at step {done}; lower `learning_rate`")
            history.append(row)
            running = []
            if row["val_loss"] < best_loss:
                best_loss = row["val_loss"]
                best = {name: value.clone() for name, value in model.state_dict().items()}
        if task.scratch.due():
            state = {"step": done, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            progress_so_far = {"history": history, "best": best, "best_loss": best_loss, "running": running}
            task.scratch.save(state | progress_so_far)
    model.load_state_dict(best)
    return history
