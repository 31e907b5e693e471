"""MobileNetV1 and DenseNet-121 as detectors, of which the last layers learn: study C's."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import densenet121, mobilenet_v1
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import BROKEN, LEARNED, PLAIN, last_row
from .phases import NONE, count, learning, moved, settings, task_of

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]
HEAD = {"classifier.1.weight", "classifier.1.bias"}

MOBILENET_10 = {
    "network.blocks.4.0.conv_pw.weight",
    "network.blocks.4.0.bn2.weight",
    "network.blocks.4.0.bn2.bias",
    "network.blocks.4.1.conv_dw.weight",
    "network.blocks.4.1.bn1.weight",
    "network.blocks.4.1.bn1.bias",
    "network.blocks.4.1.conv_pw.weight",
    "network.blocks.4.1.bn2.weight",
    "network.blocks.4.1.bn2.bias",
}
MOBILENET_20 = MOBILENET_10 | {
    "network.blocks.3.4.bn2.weight",
    "network.blocks.3.4.bn2.bias",
    "network.blocks.3.5.conv_dw.weight",
    "network.blocks.3.5.bn1.weight",
    "network.blocks.3.5.bn1.bias",
    "network.blocks.3.5.conv_pw.weight",
    "network.blocks.3.5.bn2.weight",
    "network.blocks.3.5.bn2.bias",
    "network.blocks.4.0.conv_dw.weight",
    "network.blocks.4.0.bn1.weight",
    "network.blocks.4.0.bn1.bias",
}
BLOCK_12_AND_13 = (512 * 1024 + 2 * 1024) + (9 * 1024 + 2 * 1024) + (1024 * 1024 + 2 * 1024)
BLOCK_11_AND_12 = 2 * 512 + (9 * 512 + 2 * 512) + (512 * 512 + 2 * 512) + (9 * 512 + 2 * 512)


def made(kind: str, **changed: object) -> Backboned:
    torch.manual_seed(0)
    module = importlib.import_module(f"unseen.detectors.kinds.{kind}")
    return module.create(settings(kind, input_size=64, **changed), NONE, 64)  # type: ignore[no-any-return]


def test_parameters() -> None:
    """The papers' networks have 4.2 M and 8.0 M with a classifier of 1000 classes."""
    for kind, width, published in (("mobilenet_v1", 1024, 4.2e6), ("densenet121", 1024, 8.0e6)):
        model = made(kind)
        body = sum(weight.numel() for weight in model.network.parameters())
        assert body + 1000 * (width + 1) == pytest.approx(published, rel=0.01)
        assert count(model, HEAD) == width + 1


@pytest.mark.parametrize(
    ("last", "opened", "numbers"),
    [(10, MOBILENET_10, BLOCK_12_AND_13), (20, MOBILENET_20, BLOCK_12_AND_13 + BLOCK_11_AND_12)],
)
def test_the_last_layers_of_mobilenet(last: int, opened: set[str], numbers: int) -> None:
    model = made("mobilenet_v1", last_layers=last)
    assert learning(model, frozen=True) == HEAD
    assert learning(model, frozen=False) == opened | HEAD
    assert count(model, opened) == numbers
    documented = f"{numbers:,}"
    assert documented in (mobilenet_v1.__doc__ or "")


def test_the_last_layers_of_densenet() -> None:
    """From the end: activation and norm, then convolution, activation, norm, twice over, and another convolution and
    its activation."""
    end = "network.features.denseblock4.denselayer"
    opened = {f"{end}16.{name}" for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias")}
    opened |= {f"{end}16.conv1.weight", f"{end}16.conv2.weight", f"{end}15.conv2.weight"}
    opened |= {"network.features.norm5.weight", "network.features.norm5.bias"}
    model = made("densenet121", last_layers=10)
    assert learning(model, frozen=False) == opened | HEAD
    assert count(model, opened) == 9 * 128 * 32 + 2 * 992 + 992 * 128 + 2 * 128 + 9 * 128 * 32 + 2 * 1024


@pytest.mark.parametrize("kind", ["mobilenet_v1", "densenet121"])
def test_without_a_number_everything_opens(kind: str) -> None:
    model = made(kind, last_layers=None)
    assert learning(model, frozen=True) == HEAD
    assert learning(model, frozen=False) == {name for name, _ in model.named_parameters()}


def test_a_fit_moves_the_last_layers_and_no_statistics_before_them(faces: Both, tmp_path: Path) -> None:
    model = made("mobilenet_v1", last_layers=10)
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    found = moved(model, task_of("mobilenet_v1", faces, tmp_path, steps=1, frozen_steps=0, validate_every=1))
    norms = ("blocks.4.0.bn2", "blocks.4.1.bn1", "blocks.4.1.bn2")
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    statistics = {f"network.{norm}.{name}" for norm in norms for name in buffers}
    assert found == MOBILENET_10 | HEAD | statistics


def test_in_the_frozen_phase_a_fit_moves_the_head_alone(faces: Both, tmp_path: Path) -> None:
    model = made("mobilenet_v1", last_layers=10, dropout=0.5)
    assert moved(model, task_of("mobilenet_v1", faces, tmp_path, steps=2, frozen_steps=2, validate_every=2)) == HEAD


def learned(scratch: Path, **changed: object) -> float:
    knobs = PLAIN | {"steps": 16, "learning_rate": 0.003, "input_size": 32} | changed
    return last_row(mobilenet_v1.fit, made("mobilenet_v1"), settings("mobilenet_v1", **knobs), scratch)["train_loss"]


def test_it_learns(tmp_path: Path) -> None:
    assert learned(tmp_path) < LEARNED
    assert learned(tmp_path, learning_rate=BROKEN) > LEARNED


def test_dropout_is_before_the_last_layer(faces: Both) -> None:
    model = made("mobilenet_v1", dropout=0.5)
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    for module in model.network.modules():
        module.eval()
    pixels = as_batch(faces[1].pixels[:1], CPU).expand(32, -1, -1, -1)
    model.classifier.train()
    with torch.no_grad():
        assert model(pixels).std() > 0
        model.classifier.eval()
        torch.testing.assert_close(model(pixels).std(), torch.tensor(0.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["mobilenet_v1", "densenet121"])
def test_restore_makes_the_same_network(kind: str, faces: Both) -> None:
    model = made(kind, last_layers=10, dropout=0.5, ela={"quality": 90, "scale": 15.0})
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    again: Detector = {"mobilenet_v1": mobilenet_v1, "densenet121": densenet121}[kind].restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:3]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))
    assert learning(again, frozen=False) == learning(model, frozen=False)


def test_more_layers_than_there_are() -> None:
    with pytest.raises(UserError, match="`last_layers` is 82, but `mobilenet_v1` has 81") as error:
        made("mobilenet_v1", last_layers=82)
    assert "\n" not in str(error.value)
    everything = {name for name, _ in made("mobilenet_v1").named_parameters()}
    assert learning(made("mobilenet_v1", last_layers=81), frozen=False) == everything


@pytest.mark.parametrize(("kind", "value"), [("mobilenet_v1", 0), ("mobilenet_v1", "10"), ("efficientnet_lite0", 10)])
def test_what_is_no_number_of_layers(kind: str, value: object) -> None:
    with pytest.raises(UserError, match=r"`detectors\.net\.last_layers`") as error:
        settings(kind, last_layers=value)
    assert "\n" not in str(error.value)
