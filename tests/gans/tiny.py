"""A GAN so small that it is built in no time."""

from pathlib import Path
from typing import Any

import torch

from unseen.gans.artifact import save_gan
from unseen.gans.settings import GanSettings
from unseen.gans.train import build

SIZE = 32
"""Pixels of its pictures' sides."""


def settings(**changed: Any) -> GanSettings:
    """Its knobs."""
    values = {
        "architecture": "dcgan",
        "train_on": "faces/people",
        "channels": 1,
        "latent": 8,
        "width": 4,
        "loss": "hinge",
        "steps": 1,
        "batch": 2,
        "learning_rate": 0.001,
        "beta1": 0.5,
        "ema": 0.9,
        "diff_augment": False,
        "sample_every": 1,
    }
    return GanSettings.model_validate(values | changed)


def save(folder: Path, architecture: str) -> dict[str, dict[str, torch.Tensor]]:
    """Write an untrained GAN, `tiny`, whose discriminator's statistics have seen something; return its states."""
    knobs = settings(architecture=architecture)
    g, d = build(knobs, SIZE, seed=1)
    d = d.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as the loop leaves it
    for _ in range(30):
        d(torch.rand(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) * 2 - 1)
    states = {"generator": g.state_dict(), "discriminator": d.state_dict()}
    save_gan(folder, "tiny", knobs, SIZE, states, {"orl": 12})
    return states
