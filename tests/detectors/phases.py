"""What learns when, for the tests of kinds that leave a part of a network as it was."""

import dataclasses
from pathlib import Path
from typing import Any

from torch import nn

from unseen.core.kinds import validated_kind
from unseen.data.pictures import Faces
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Detector, Task

from .networks import copied, knobs, task

NONE = Path("models/none")
"""Where no weights are."""


def settings(kind: str, **changed: Any) -> Any:
    """Knobs of a kind, as params give them."""
    data = knobs().model_dump() | {"kind": kind, "weights": "none"} | changed
    return validated_kind("detectors/kinds", data, "detectors.net")


def task_of(kind: str, faces: tuple[Faces, Faces], scratch: Path, **changed: Any) -> Task:
    """A task with such knobs."""
    return dataclasses.replace(task(faces, scratch), settings=settings(kind, **changed))


def learning(model: Detector, frozen: bool) -> set[str]:
    """The weights that learn in a phase."""
    loop._set_trainable(model, frozen)
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def count(model: nn.Module, names: set[str]) -> int:
    """How many numbers these weights are."""
    return sum(weight.numel() for name, weight in model.named_parameters() if name in names)


def moved(model: Detector, task: Task) -> set[str]:
    """The weights and statistics that a fit changes. Of several validations that of the last step counts best, so
    that what is compared is what the last step left."""
    before = copied(model)
    loop.fit(model, task)
    return {name for name, value in copied(model).items() if not value.equal(before[name])}
