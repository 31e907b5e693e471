"""A ResNet without its first reductions: sizes of its maps, its crops, and that it sees crops as they are stored."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from faces_for_training import OrlFaces, labelled, upsampled
from unseen.core.errors import UserError
from unseen.core.runtime import seeded
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import resnet_nodown
from unseen.detectors.kinds.resnet_nodown import ResnetNodown, cropped
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import LEARNED, PLAIN, easy, last_row
from .networks import copied, knobs, same

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


def settings(**changed: Any) -> resnet_nodown.Settings:
    own = {
        "kind": "resnet_nodown",
        "weights": "none",
        "backbone": "resnet18",
        "input_size": 64,
        "crop": 32,
        **changed,
    }
    return resnet_nodown.Settings.model_validate({**knobs().model_dump(), **own})


def made(**changed: Any) -> ResnetNodown:
    torch.manual_seed(0)
    model = resnet_nodown.create(settings(**changed), Path("models/none"), 64)
    assert isinstance(model, ResnetNodown)
    return model


@pytest.fixture(scope="module")
def large(orl_faces: OrlFaces) -> Both:
    """As `faces`, of 64 pixels."""
    train, val = orl_faces.large[:84], orl_faces.large[84:]
    return labelled(train, upsampled(train)), labelled(val, upsampled(val))


def test_the_first_stage_keeps_every_pixel_and_the_last_an_eighth() -> None:
    model = made()
    sizes: dict[str, tuple[int, ...]] = {}
    for name in ("conv1", "layer1", "layer4"):
        layer: nn.Module = getattr(model.network, name)
        layer.register_forward_hook(lambda *seen, name=name: sizes.update({name: tuple(seen[-1].shape[2:])}))
    model.eval()(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert sizes == {"conv1": (64, 64), "layer1": (64, 64), "layer4": (8, 8)}


def test_it_takes_the_weights_of_the_usual_resnet(tmp_path: Path) -> None:
    usual = timm.create_model("resnet18")
    torch.save(usual.state_dict(), tmp_path / "net.pth")
    model = resnet_nodown.create(settings(), tmp_path, 64)
    own = copied(model)
    assert torch.equal(own["network.conv1.weight"], usual.state_dict()["conv1.weight"])
    count = sum(weight.numel() for weight in model.parameters())
    assert count == 11_176_512 + 512 + 1, "ResNet-18 without its classifier, and the head"


def test_pictures_are_normalised_and_not_resized(large: Both) -> None:
    model = made()
    pixels = as_batch(large[0].pixels[:2], CPU)
    seen = model.network_input(pixels[..., :40, :40])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (pixels[..., :40, :40] / 255 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(seen, expected)


def test_crops_are_cut_out_alike_for_both_halves() -> None:
    places = torch.arange(64 * 64).reshape(64, 64).expand(8, 3, 64, 64)
    with seeded(1):
        crops = cropped(places, 24)
    assert crops.shape == (8, 3, 24, 24)
    corners = crops[:, 0, 0, 0]
    for crop, corner in zip(crops[:, 1], corners, strict=True):
        top, left = divmod(int(corner), 64)
        assert torch.equal(crop, places[0, 0, top : top + 24, left : left + 24])
    assert torch.equal(crops[:4], crops[4:]), "a real and its twin"
    assert len(set(corners.tolist())) == 4, "each pair elsewhere"
    with seeded(1):
        assert torch.equal(cropped(places, 24), crops)


def test_crops_come_from_everywhere_up_to_the_edges() -> None:
    places = torch.arange(36).reshape(6, 6).expand(400, 3, 6, 6)
    with seeded(0):
        corners = cropped(places, 5)[:, 0, 0, 0]
    assert set(corners.tolist()) == {0, 1, 6, 7}
    assert torch.equal(cropped(places, 6), places)


def test_it_trains_on_crops_and_scores_whole_pictures(
    large: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: dict[bool, set[int]] = {True: set(), False: set()}
    seen = ResnetNodown.network_input

    def watched(self: ResnetNodown, pixels: Tensor) -> Tensor:
        sizes[self.training].add(pixels.shape[-1])
        return seen(self, pixels)

    monkeypatch.setattr(ResnetNodown, "network_input", watched)
    val = labelled(large[1].pixels[:2], large[1].pixels[-2:])
    models = []
    for number in (1, 2):
        some = {"steps": 2, "frozen_steps": 0, "batch": 4, "validate_every": 2, "learning_rate": 0.002}
        model = made(**some)
        loop.fit(model, Task(settings(**some), large[0], val, 4, Scratch(tmp_path / str(number), "d", 1)))
        models.append(model)
        shutil.rmtree(tmp_path / str(number))  # checkpoints of 170 MB
    assert sizes == {True: {32}, False: {64}}
    assert same(copied(models[0]), copied(models[1]))


def test_it_learns(tmp_path: Path) -> None:
    some = PLAIN | {"steps": 6, "batch": 4, "validate_every": 2, "learning_rate": 0.003}
    train, val = easy(64)
    few = labelled(val.pixels[:1], val.pixels[-1:])  # to validate takes longer than to train
    assert last_row(loop.fit, made(), settings(**some), tmp_path, data=(train, few))["train_loss"] < LEARNED


def test_it_comes_back(large: Both) -> None:
    model = made()
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    again = resnet_nodown.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = large[1].pixels[:3]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))


def test_it_does_not_resize() -> None:
    with pytest.raises(UserError, match=r"`input_size` is 64.*128 px: set it to 128") as error:
        resnet_nodown.create(settings(), Path("models/none"), 128)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changed", [{"crop": 96}, {"backbone": "resnet34"}, {"crop": 16}])
def test_what_it_can_not_use_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changed)
