"""EfficientNet-lite0 as a detector; random weights stand in for the packaged ones."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import efficientnet_lite0
from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.logits import logits_of

from .networks import copied, knobs, same, task


def network(input_size: int) -> Backboned:
    return efficientnet_lite0.restore({"backbone": "tf_efficientnet_lite0", "input_size": input_size})  # type: ignore[return-value]


CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the package has it: 1000 classes, timm's order, other names."""
    folder = tmp_path_factory.mktemp("weights")
    state = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    torch.save({f"_old_{i:03d}": value for i, value in enumerate(state.values())}, folder / "net.pth")
    return folder


def test_it_trains_and_repeats_itself(faces: Both, tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = copied(network(32))
    states = []
    for _ in range(2):
        model = network(32)
        model.load_state_dict(start)
        history = loop.fit(model, task(faces, tmp_path, steps=3, frozen_steps=1, batch=4, validate_every=3))
        assert np.isfinite(history[-1]["val_loss"])
        states.append(copied(model))
    assert same(*states)
    assert not torch.equal(states[0]["network.conv_stem.weight"], start["network.conv_stem.weight"])
    assert not torch.equal(states[0]["classifier.1.weight"], start["classifier.1.weight"])


def test_the_head_is_its_classifier_with_one_logit(faces: Both) -> None:
    model = network(32)
    assert [tuple(weight.shape) for weight in model.head().parameters()] == [(1, 1280), (1,)]
    assert logits_of(model, faces[1].pixels[:3], CPU).shape == (3,)
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(3.4e6, rel=0.02)


def test_the_network_sees_its_size_and_its_range() -> None:
    model = network(64)
    pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    pixels[1] = 255
    seen: list[torch.Tensor] = []
    model.network.conv_stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(pixels)
    assert seen[0].shape == (2, 3, 64, 64)
    assert seen[0][0].unique().tolist() == [-1.0]
    assert seen[0][1].unique().tolist() == [1.0]


def test_it_starts_from_the_weights_in_the_folder_with_an_empty_head(weights: Path, faces: Both) -> None:
    model = efficientnet_lite0.create(knobs(), weights, 32)
    packaged = list(torch.load(weights / "net.pth", weights_only=True).values())
    assert torch.equal(copied(model)["network.conv_stem.weight"], packaged[0])
    assert torch.equal(copied(model)["network.bn2.running_var"], packaged[-4])
    assert not logits_of(model, faces[1].pixels[:3], CPU).any()


def test_without_weights_it_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro") as error:
        efficientnet_lite0.create(knobs(), tmp_path, 32)
    assert "\n" not in str(error.value)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="not the weights of `tf_efficientnet_lite0`") as error:
        efficientnet_lite0.create(knobs(), tmp_path, 32)
    assert "\n" not in str(error.value)


def test_restore_makes_the_same_network(weights: Path, faces: Both) -> None:
    model = efficientnet_lite0.create(knobs(), weights, 32)
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[index, arg-type, operator, union-attr]
    again = efficientnet_lite0.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:5]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))
