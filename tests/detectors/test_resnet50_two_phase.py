"""ResNet-50 in two phases: study E's."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import resnet50_two_phase
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import logits_of

from .networks import Tiny, task
from .phases import NONE, count, learning, moved, settings, task_of

KIND = "resnet50_two_phase"
CPU = torch.device("cpu")
Both = tuple[Faces, Faces]
HEAD = {f"classifier.{place}.{name}" for place in (0, 3) for name in ("weight", "bias")}
BLOCK = {f"network.layer4.2.conv{place}.weight" for place in (1, 2, 3)} | {
    f"network.layer4.2.bn{place}.{name}" for place in (1, 2, 3) for name in ("weight", "bias")
}
STATISTICS = {
    f"network.layer4.2.bn{place}.{name}"
    for place in (1, 2, 3)
    for name in ("running_mean", "running_var", "num_batches_tracked")
}


def made() -> resnet50_two_phase.TwoPhase:
    torch.manual_seed(0)
    return resnet50_two_phase.create(settings(KIND, dropout=0.5), NONE, 32)  # type: ignore[return-value]


def test_parameters_of_each_phase() -> None:
    model = made()
    published = 25_557_032  # with 1000 classes
    assert sum(weight.numel() for weight in model.network.parameters()) == published - 1000 * (2048 + 1)
    assert learning(model, frozen=True) == HEAD
    assert count(model, HEAD) == 2048 * 128 + 128 + 128 + 1
    assert learning(model, frozen=False) == HEAD | BLOCK
    assert count(model, BLOCK) == 2048 * 512 + 9 * 512 * 512 + 512 * 2048 + 2 * (512 + 512 + 2048)


def test_the_head_is_dense_relu_dropout_and_a_logit() -> None:
    head = made().head()
    assert [type(part).__name__ for part in head.children()] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert head[2].p == 0.5  # type: ignore[index, union-attr]


def test_what_each_phase_moves(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics of norms too. Validation losses are scripted, so that the last step's weights remain."""
    losses = iter(range(100, 0, -1))
    monkeypatch.setattr(loop, "_validation_loss", lambda *_: float(next(losses)))
    knobs = {"batch": 4, "validate_every": 1}
    model = made()
    first = task_of(KIND, faces, tmp_path / "a", steps=3, frozen_steps=2, **knobs)
    stopped = dataclasses.replace(first, settings=first.settings.model_copy(update={"steps": 2}))
    assert moved(model, stopped) == HEAD
    shutil.rmtree(tmp_path / "a")  # checkpoints of 200 MB
    assert moved(model, task_of(KIND, faces, tmp_path / "b", steps=3, frozen_steps=1, **knobs)) == (
        HEAD | BLOCK | STATISTICS
    )


def rates(history: list[dict[str, float]]) -> list[float]:
    return [row["learning_rate"] for row in history]


def fit(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, losses: list[float], **changed: object
) -> Detector:
    scripted = iter(losses)
    monkeypatch.setattr(loop, "_validation_loss", lambda *_: next(scripted))
    model = Tiny()
    knobs = {"steps": len(losses), "validate_every": 1, "schedule": "plateau", "frozen_learning_rate": 0.01}
    model.history = loop.fit(model, task(faces, tmp_path, **knobs, **changed))  # type: ignore[assignment]
    return model


def test_the_second_phase_has_a_rate_of_its_own_and_lowers_it(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [0.9, 0.8, 0.7, 0.6, 0.61, 0.62, 0.63]
    model = fit(faces, tmp_path, monkeypatch, losses, frozen_steps=2, patience=4, learning_rate=0.001)
    found = rates(model.history)  # type: ignore[arg-type]
    assert found == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.001, 0.001, 0.0001])


def test_a_first_phase_in_vain_neither_ends_the_training_nor_lowers_the_second_rate(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [0.5, 0.6, 0.6, 0.6, 0.6, 0.9, 0.8, 0.7, 0.9, 0.9, 0.1]
    model = fit(faces, tmp_path, monkeypatch, losses, frozen_steps=5, patience=2, learning_rate=0.001)
    found = rates(model.history)  # type: ignore[arg-type]
    assert found == pytest.approx([0.01] * 5 + [0.001] * 4 + [0.0001]), "ended after two in vain, before the last"


def test_restore_makes_the_same_network(faces: Both) -> None:
    model = made()
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    again = resnet50_two_phase.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:3]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))
    assert learning(again, frozen=False) == HEAD | BLOCK


@pytest.mark.parametrize(
    ("frozen_steps", "said"),
    [
        (0, "`detectors.net.frozen_steps` is 0"),
        (7, "`frozen_steps` must be below"),
        (9, "`frozen_steps` must be below"),
    ],
)
def test_it_has_two_phases(frozen_steps: int, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        settings(KIND, steps=7, frozen_steps=frozen_steps)
    assert "\n" not in str(error.value)
