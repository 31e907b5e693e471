"""A GAN's discriminator as a detector."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gans.tiny import KINDS, save
from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import discriminator, raw_discriminator
from unseen.detectors.shared import loop
from unseen.detectors.shared.logits import logits_of
from unseen.gans.shared.artifact import load_gan

from . import networks
from .networks import copied, same, task


def knobs(**changed: Any) -> discriminator.Settings:
    plain = networks.knobs().model_dump() | {"kind": "discriminator", "weights": "gans/tiny"}
    return discriminator.Settings.model_validate(plain | changed)


CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


@pytest.fixture(params=KINDS)
def gan(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    save(tmp_path / "gan", request.param)
    return tmp_path / "gan"


def test_it_starts_from_the_trained_trunk_with_an_empty_head(gan: Path, faces: Both) -> None:
    model = discriminator.create(knobs(), gan, 32)
    assert same(copied(model.trunk), load_gan(gan).states["discriminator"])  # type: ignore[arg-type]
    assert not logits_of(model, faces[1].pixels, CPU).any()


def test_it_trains_and_keeps_its_batch_statistics(gan: Path, faces: Both, tmp_path: Path) -> None:
    model = discriminator.create(knobs(), gan, 32)
    before = copied(model)
    statistics = set(before) - {name for name, _ in model.named_parameters()}
    assert bool(statistics) == (load_gan(gan).settings.architecture != "r3gan")
    history = loop.fit(model, task(faces, tmp_path, steps=3, frozen_steps=1))
    after = copied(model)
    assert all(np.isfinite(row["val_loss"]) for row in history)
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["linear.weight"], after["linear.weight"])
    trunk = [name for name, _ in model.trunk.named_parameters() if "head" not in name]  # type: ignore[union-attr]
    assert any(not torch.equal(before[f"trunk.{name}"], after[f"trunk.{name}"]) for name in trunk)


def test_a_face_gets_the_same_logit_alone_and_among_others(gan: Path, faces: Both) -> None:
    model = discriminator.create(knobs(), gan, 32)
    torch.nn.init.normal_(model.head().weight, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    pixels = loop.as_batch(faces[1].pixels[:16], CPU)
    for mode in (True, False):
        model.train(mode)
        with torch.no_grad():
            together, alone = model(pixels), torch.cat([model(one[None]) for one in pixels])
        assert together.std() > 1e-3
        torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)


def test_it_sees_pictures_as_the_gan_does(gan: Path, faces: Both) -> None:
    model = discriminator.create(knobs(), gan, 32).eval()
    torch.nn.init.ones_(model.head().weight)  # type: ignore[arg-type]
    pixels = loop.as_batch(faces[1].pixels[:4], CPU)
    with torch.no_grad():
        features = load_gan(gan).network("Discriminator").features(pixels.float() / 127.5 - 1)  # type: ignore[operator]
        torch.testing.assert_close(model(pixels), features.sum(1), rtol=1e-4, atol=1e-4)


def test_restore_makes_the_same_network(gan: Path, faces: Both) -> None:
    model = discriminator.create(knobs(), gan, 32)
    torch.nn.init.ones_(model.head().weight)  # type: ignore[arg-type]
    again = discriminator.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))


def test_another_size_than_the_gans_is_one_line_that_names_the_right_one(gan: Path) -> None:
    with pytest.raises(UserError, match=r"`input_size` is 64.*`tiny` was trained at 32 px") as error:
        discriminator.create(knobs(input_size=64), gan, 64)
    assert "\n" not in str(error.value)


def test_no_gan_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gan\.json: not found"):
        discriminator.create(knobs(), tmp_path / "nowhere", 32)


@pytest.mark.parametrize("last", [1, 2])
def test_only_the_last_convolutions_learn(gan: Path, faces: Both, tmp_path: Path, last: int) -> None:
    model = discriminator.create(knobs(last_layers=last), gan, 32)
    before = copied(model)
    loop.fit(model, task(faces, tmp_path, steps=2, frozen_steps=0))
    after = copied(model)
    convolutions = [part for part in model.trunk.layers.modules() if isinstance(part, torch.nn.Conv2d)]  # type: ignore[union-attr]
    learning = {id(weight) for part in convolutions[-last:] for weight in part.parameters()}
    closed = {id(weight) for part in convolutions[:-last] for weight in part.parameters()}
    moved = {id(weight) for name, weight in model.named_parameters() if not torch.equal(before[name], after[name])}
    assert moved & learning
    assert not moved & closed


def test_the_raw_one_says_what_the_gan_left_with_the_sign_turned(gan: Path, faces: Both, tmp_path: Path) -> None:
    settings = raw_discriminator.Settings.model_validate(
        {
            "kind": "raw_discriminator",
            "weights": "gans/tiny",
            "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        }
    )
    model = raw_discriminator.create(settings, gan, 32)
    before = copied(model)
    assert raw_discriminator.fit(model, task(faces, tmp_path)) == []
    assert same(before, copied(model))
    pixels = torch.from_numpy(faces[1].pixels[:6]).permute(0, 3, 1, 2)
    theirs = load_gan(gan).network("Discriminator")(pixels.float() / 127.5 - 1)
    np.testing.assert_allclose(
        logits_of(model, faces[1].pixels[:6], CPU), -theirs.detach().numpy(), rtol=1e-4, atol=1e-5
    )
    again = raw_discriminator.restore(model.config)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(logits_of(again, faces[1].pixels, CPU), logits_of(model, faces[1].pixels, CPU))


def test_it_takes_no_ela_and_no_dropout() -> None:
    for changed in ({"ela": {"quality": 90, "scale": 10}}, {"dropout": 0.5}):
        with pytest.raises(ValidationError, match="sees unmodified pictures"):
            knobs(**changed)
