"""A GAN on disk: what is saved comes back, in the same bytes."""

import json
from pathlib import Path

import pytest
import torch

from faces_for_training import bytes_below
from unseen.errors import UserError
from unseen.gans.artifact import load_gan
from unseen.gans.train import build

from .tiny import SIZE, save, settings


@pytest.mark.parametrize("architecture", ["dcgan", "resize_conv"])
def test_round_trip(tmp_path: Path, architecture: str) -> None:
    states = save(tmp_path / "gan", architecture)
    gan = load_gan(tmp_path / "gan")
    assert (gan.name, gan.size, gan.settings) == ("tiny", SIZE, settings(architecture=architecture))
    assert gan.card["trained_on"] == {"orl": 12}
    for net, state in states.items():
        assert set(gan.states[net]) == set(state)
        assert all(torch.equal(gan.states[net][key], state[key]) for key in state)


@pytest.mark.parametrize("which", ["Generator", "Discriminator"])
@pytest.mark.parametrize("architecture", ["dcgan", "resize_conv"])
def test_network_is_the_trained_one_in_evaluation_mode(tmp_path: Path, architecture: str, which: str) -> None:
    states = save(tmp_path / "gan", architecture)
    net = load_gan(tmp_path / "gan").network(which)
    assert not any(module.training for module in net.modules())
    assert all(torch.equal(value, states[which.lower()][key]) for key, value in net.state_dict().items())


def test_saved_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, "dcgan")
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert set(bytes_below(tmp_path / "one")) == {"gan.json", "weights.safetensors"}


def test_the_card_names_the_architectures_code(tmp_path: Path) -> None:
    for architecture in ("dcgan", "resize_conv"):
        save(tmp_path / architecture, architecture)
    code = [json.loads((tmp_path / name / "gan.json").read_text())["code"] for name in ("dcgan", "resize_conv")]
    assert [list(one) for one in code] == [["unseen.gans.dcgan"], ["unseen.gans.resize_conv"]]
    assert all(len(value) == 64 for one in code for value in one.values())


def test_a_new_gan_takes_the_whole_place_of_the_old(tmp_path: Path) -> None:
    save(tmp_path / "gan", "dcgan")
    (tmp_path / "gan" / "left.over").touch()
    save(tmp_path / "gan", "resize_conv")
    assert load_gan(tmp_path / "gan").settings.architecture == "resize_conv"
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["gan.json", "weights.safetensors"]


@pytest.mark.parametrize("gone", ["gan.json", "weights.safetensors"])
def test_a_missing_file_is_one_line_that_says_what_to_run(tmp_path: Path, gone: str) -> None:
    save(tmp_path / "gan", "dcgan")
    (tmp_path / "gan" / gone).unlink()
    with pytest.raises(UserError, match="dvc repro") as error:
        load_gan(tmp_path / "gan")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "gan") in str(error.value)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained GAN") as error:
        load_gan(tmp_path / "nowhere")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damaged", ["gan.json", "weights.safetensors"])
def test_a_file_that_was_cut_off_is_one_line(tmp_path: Path, damaged: str) -> None:
    save(tmp_path / "gan", "dcgan")
    file = tmp_path / "gan" / damaged
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match="damaged") as error:
        load_gan(tmp_path / "gan")
    assert "\n" not in str(error.value)


def test_a_generator_draws_the_same_after_the_round_trip(tmp_path: Path) -> None:
    states = save(tmp_path / "gan", "dcgan")
    net, _ = build(settings(), SIZE, seed=2)
    net.load_state_dict(states["generator"])
    latents = torch.randn(3, 8)
    with torch.no_grad():
        assert torch.equal(load_gan(tmp_path / "gan").network("Generator")(latents), net.eval()(latents))
