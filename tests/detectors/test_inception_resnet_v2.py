"""Inception-ResNet-v2 as a detector: study B's numbers."""

import shutil
from pathlib import Path

import pytest
import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import inception_resnet_v2
from unseen.detectors.shared.backbone import Backboned

from .phases import NONE, count, learning, moved, settings, task_of

KIND = "inception_resnet_v2"


@pytest.fixture(scope="module")
def model() -> Backboned:
    torch.manual_seed(0)
    return inception_resnet_v2.create(settings(KIND, input_size=96), NONE, 64)  # type: ignore[return-value]


def test_it_has_the_studys_parameters_nearly_all_of_which_learn(model: Backboned) -> None:
    everything = {name for name, _ in model.named_parameters()}
    assert round(count(model, everything) / 1e6, 1) == 54.3
    assert learning(model, frozen=False) == everything
    state = sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())
    assert 0.998 < count(model, everything) / state < 1, "all but the norms' statistics"


def test_its_head_is_one_layer_on_average_pooled_features(model: Backboned) -> None:
    names = learning(model, frozen=True)
    assert names == {"classifier.1.weight", "classifier.1.bias"}
    assert count(model, names) == 1536 + 1
    pixels = torch.randint(256, (2, 3, 96, 96), dtype=torch.uint8)
    model.eval()
    with torch.no_grad():
        maps = model.network.forward_features(pixels / 127.5 - 1)  # type: ignore[operator, union-attr]
        torch.testing.assert_close(model.features(pixels), maps.mean((2, 3)), rtol=1e-4, atol=1e-4)


def test_it_trains_and_frozen_statistics_stay(model: Backboned, faces: tuple[Faces, Faces], tmp_path: Path) -> None:
    few = tuple(part.__class__(part.pixels[::40], {k: v[::40] for k, v in part.columns.items()}) for part in faces)
    knobs = {"input_size": 96, "batch": 2, "steps": 1, "validate_every": 1}
    frozen = moved(model, task_of(KIND, few, tmp_path / "a", frozen_steps=1, **knobs))  # type: ignore[arg-type]
    shutil.rmtree(tmp_path / "a")  # checkpoints of 600 MB
    assert frozen <= {"classifier.1.weight", "classifier.1.bias"}
    assert frozen
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    opened = moved(model, task_of(KIND, few, tmp_path / "b", frozen_steps=0, **knobs))  # type: ignore[arg-type]
    assert {name for name, _ in model.named_parameters() if name.endswith("conv.weight")} <= opened
    assert {name for name in model.state_dict() if name.endswith("running_mean")} <= opened


def test_restore_makes_the_same_network(model: Backboned) -> None:
    again = inception_resnet_v2.restore(model.config).eval()
    again.load_state_dict(model.state_dict())
    pixels = torch.randint(256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        # not to the bit: one of the two lies in memory channels last
        torch.testing.assert_close(again(pixels), model.eval()(pixels), rtol=1e-4, atol=1e-4)


def test_pictures_that_are_too_small_for_it_are_refused_in_params() -> None:
    with pytest.raises(
        UserError, match=r"`detectors\.net\.input_size` is 64: input should be greater than or equal to 96"
    ) as error:
        settings(KIND, input_size=64)
    assert "\n" not in str(error.value)
