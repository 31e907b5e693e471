"""Whether a training learns: a task so easy that a training that works can't fail at it by luck, and one that does
not work can't pass."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faces_for_training import labelled, upsampled
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Detector, History, Task
from unseen.detectors.shared.settings import NetworkSettings

from .networks import copied, same

LEARNED = math.log(2) / 2
"""Half the log loss of a detector that is undecided, as each of them is at first. tests/README.md has the losses that
were seen with other seeds, on other processors, and of trainings that were broken."""

BROKEN = 1e-12
"""A learning rate that changes nothing: a test that passes with it says nothing."""

PLAIN: dict[str, Any] = {
    "frozen_steps": 0,
    "batch": 8,
    "validate_every": 4,
    "schedule": "constant",
    "augment": {"blur": 0.0, "blur_sigma": 0.0, "jpeg": 0.0, "jpeg_low": 90},
}
"""Knobs that leave nothing to luck."""


def easy(size: int, seed: int = 0) -> tuple[Faces, Faces]:
    """Pictures of noise to train on and to validate on; a fake is brighter, and its pixels are doubled."""
    noise = np.random.default_rng(seed).integers(0, 128, (96, size, size, 3), dtype=np.uint8)
    reals, fakes = noise[:48], upsampled(noise[48:]) + 127
    return labelled(reals[:32], fakes[:32]), labelled(reals[32:], fakes[32:])


def last_row(
    fit: Callable[[Any, Task], History],
    model: Detector,
    settings: NetworkSettings,
    scratch: Path,
    seed: int = 0,
    data: tuple[Faces, Faces] | None = None,
) -> dict[str, float]:
    """Fit a new model to the easy task, or to other data: the training and validation loss of its last steps."""
    train, val = data or easy(settings.input_size, seed)
    return fit(model, Task(settings, train, val, seed, Scratch(scratch, "learning", settings.learning_rate)))[-1]


def check_learns_and_repeats_itself(
    make: Callable[[], Detector], settings: Callable[..., NetworkSettings], scratch: Path, **changed: Any
) -> None:
    """A training by the one loop learns the easy task, a second one ends with the same weights, a broken one does not
    learn it.

    Args:
        make: a new detector.
        settings: its knobs, of which some are changed.
        scratch: an empty folder.
        changed: knobs beside the plain ones.
    """
    some = PLAIN | changed
    first, second, broken = make(), make(), make()
    row = last_row(loop.fit, first, settings(**some), scratch / "a")
    assert row["train_loss"] < LEARNED
    assert last_row(loop.fit, second, settings(**some), scratch / "b") == row
    assert same(copied(first), copied(second))
    assert last_row(loop.fit, broken, settings(**some | {"learning_rate": BROKEN}), scratch)["train_loss"] > LEARNED
