"""Knobs and a tiny network for the tests of the training loop."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import efficientnet_lite0
from unseen.detectors.shared.base import Detector, Task


def knobs(**changed: Any) -> efficientnet_lite0.Settings:
    values = {
        "kind": "efficientnet_lite0",
        "weights": "assets/tiny",
        "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        "input_size": 32,
        "steps": 7,
        "frozen_steps": 3,
        "batch": 8,
        "learning_rate": 0.003,
        "weight_decay": 0.01,
        "validate_every": 2,
        "augment": {"blur": 0.2, "blur_sigma": 0.5, "jpeg": 0.2, "jpeg_low": 90},
    }
    return efficientnet_lite0.Settings.model_validate(values | changed)


class Tiny(Detector):
    """Two convolutions that can see an artefact of one pixel, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.trunk = nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
            )
            self.linear = nn.Linear(16, 1)

    def head(self) -> nn.Module:
        return self.linear

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.trunk(pixels.float() / 127.5 - 1).mean((2, 3)))
        return logits.flatten()


class Normless(Tiny):
    """The same without a batch norm; it sees what changes from pixel to pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk[1] = nn.GroupNorm(8, 8)


def task(faces: tuple[Faces, Faces], scratch: Path, seed: int = 4, **changed: Any) -> Task:
    return Task(knobs(**changed), *faces, seed, Scratch(scratch, "detector", 1))


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)
