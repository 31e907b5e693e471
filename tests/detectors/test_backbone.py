"""Detectors on a network of timm, on networks of a few hundred thousand parameters."""

from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor

from unseen.data.pictures import Faces
from unseen.detectors.shared.backbone import Backboned, created, layers
from unseen.detectors.shared.ela import error_levels
from unseen.detectors.shared.logits import as_batch, logits_of

from .networks import knobs

CPU = torch.device("cpu")
NET = "test_resnet"
Both = tuple[Faces, Faces]


def test_none_is_random_by_the_seed() -> None:
    def first(seed: int) -> Tensor:
        torch.manual_seed(seed)
        model = created(Backboned, NET, knobs(), Path("models/none"))
        weight: Tensor = next(model.network.parameters())
        return weight

    assert first(1).std() > 0.01
    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_a_fresh_detector_is_undecided(faces: Both) -> None:
    for options in ({}, {"dense": 5}):
        model = created(Backboned, NET, knobs(), Path("models/none"), **options)
        assert logits_of(model, faces[1].pixels[:4], CPU).tolist() == [0.0] * 4


def test_a_dense_layer_with_dropout_before_the_last() -> None:
    model = Backboned(NET, 32, dense=5, dropout=0.5)
    assert [tuple(weight.shape) for weight in model.head().parameters()] == [(5, 96), (5,), (1, 5), (1,)]
    assert [type(part).__name__ for part in model.classifier] == ["Linear", "ReLU", "Dropout", "Linear"]
    pixels = torch.zeros(64, 3, 32, 32, dtype=torch.uint8)
    torch.nn.init.ones_(model.classifier[0].bias)  # type: ignore[arg-type]
    with torch.no_grad():
        assert model.train()(pixels).std() > 0.01, "equal pictures differ by what was dropped"
        assert model.eval()(pixels).unique().numel() == 1


def test_restore_by_its_config_alone(faces: Both) -> None:
    model = Backboned(NET, 64, {"quality": 80, "scale": 7.0}, dense=5, dropout=0.25)
    again = Backboned(**model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:4]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))
    assert logits_of(model, pixels, CPU).std() > 0


def test_with_ela_it_sees_the_error_levels_and_not_the_picture(faces: Both) -> None:
    plain, ela = Backboned(NET, 32).eval(), Backboned(NET, 32, {"quality": 80, "scale": 7.0}).eval()
    ela.load_state_dict(plain.state_dict())
    pixels = as_batch(faces[1].pixels[:4], CPU)
    with torch.no_grad():
        assert torch.equal(ela(pixels), plain(error_levels(pixels, 80, 7.0)))
        assert not torch.allclose(ela(pixels), plain(pixels))


def test_layers_are_counted_as_keras_does() -> None:
    """A convolution, a norm and an activation are three; poolings at the end are none."""
    kinds = [type(layer).__name__ for layer in layers(timm.create_model("mobilenetv1_100", num_classes=0))]
    assert kinds == ["Conv2d", "BatchNormAct2d", "ReLU6"] * 27
    names = [type(layer).__name__ for layer in layers(timm.create_model(NET, num_classes=0))]
    assert "AdaptiveAvgPool2d" not in names
    assert names.count("BatchNorm2d") == names.count("Conv2d") > 10
