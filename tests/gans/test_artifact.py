"""A GAN on disk: what is saved comes back, in the same bytes."""

import json
from pathlib import Path

import pytest
import torch

from faces_for_training import bytes_below
from unseen.core.errors import UserError
from unseen.gans.shared.artifact import TrainedGan, load_gan, save_gan
from unseen.gans.shared.networks import build_gan

from .tiny import KINDS, SIZE, save, settings


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tmp_path: Path, kind: str) -> None:
    states = save(tmp_path / "gan", kind)
    gan = load_gan(tmp_path / "gan")
    assert (gan.name, gan.size, gan.settings) == ("tiny", SIZE, settings(kind))
    assert gan.card["trained_on"] == {"orl": 12}
    for net, state in states.items():
        assert set(gan.states[net]) == set(state)
        assert all(torch.equal(gan.states[net][key], state[key]) for key in state)


@pytest.mark.parametrize("which", ["Generator", "Discriminator"])
@pytest.mark.parametrize("kind", KINDS)
def test_network_is_the_trained_one_in_evaluation_mode(tmp_path: Path, kind: str, which: str) -> None:
    states = save(tmp_path / "gan", kind)
    net = load_gan(tmp_path / "gan").network(which)
    assert not any(module.training for module in net.modules())
    assert all(torch.equal(value, states[which.lower()][key]) for key, value in net.state_dict().items())


def test_saved_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, "dcgan")
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert set(bytes_below(tmp_path / "one")) == {"gan.json", "weights.safetensors"}


def test_the_card_names_the_code_that_builds_the_networks(tmp_path: Path) -> None:
    for kind in ("dcgan", "r3gan"):
        save(tmp_path / kind, kind)
    code = {kind: json.loads((tmp_path / kind / "gan.json").read_text())["code"] for kind in ("dcgan", "r3gan")}
    assert {kind: set(one) for kind, one in code.items()} == {
        "dcgan": {"unseen.gans.architectures.dcgan", "unseen.gans.shared.upsample"},
        "r3gan": {"unseen.gans.architectures.r3gan", "unseen.gans.shared.upsample"},
    }
    assert all(len(value) == 64 for one in code.values() for value in one.values())


def test_a_new_gan_takes_the_whole_place_of_the_old(tmp_path: Path) -> None:
    save(tmp_path / "gan", "dcgan")
    (tmp_path / "gan" / "left.over").touch()
    save(tmp_path / "gan", "r3gan")
    assert load_gan(tmp_path / "gan").settings.architecture == "r3gan"
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["gan.json", "weights.safetensors"]


def with_snapshots(folder: Path) -> TrainedGan:
    """A GAN that kept other generators on its way."""
    knobs = settings(snapshots=[0.5, 0.25])
    (g, d), (half, _), (quarter, _) = (build_gan(knobs, SIZE, seed) for seed in (1, 2, 3))
    nets = {"generator": g, "discriminator": d, "at-0.5": half, "at-0.25": quarter}
    save_gan(folder, "tiny", knobs, SIZE, {name: net.state_dict() for name, net in nets.items()}, {"orl": 12})
    return load_gan(folder)


def test_a_snapshot_comes_back_by_its_share(tmp_path: Path) -> None:
    gan = with_snapshots(tmp_path / "gan")
    for snapshot, seed in ((1.0, 1), (1, 1), (0.5, 2), (0.25, 3)):
        expected = build_gan(settings(), SIZE, seed)[0].state_dict()
        found = gan.network("Generator", snapshot).state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in found.items())
    assert not torch.equal(*(gan.network("Generator", share)(torch.ones(1, 8)) for share in (1.0, 0.5)))


@pytest.mark.parametrize("gone", ["gan.json", "weights.safetensors"])
def test_a_missing_file_is_one_line_that_says_what_to_run(tmp_path: Path, gone: str) -> None:
    save(tmp_path / "gan", "dcgan")
    (tmp_path / "gan" / gone).unlink()
    with pytest.raises(UserError, match="dvc repro") as error:
        load_gan(tmp_path / "gan")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "gan") in str(error.value)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gan\.json: not found") as error:
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


def test_weights_that_are_not_the_recorded_ones(tmp_path: Path) -> None:
    save(tmp_path / "gan", "dcgan")
    file = tmp_path / "gan" / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match=r"weights\.safetensors: damaged \(its SHA-256 is not the recorded one\)"):
        load_gan(tmp_path / "gan")


def test_a_generator_draws_the_same_after_the_round_trip(tmp_path: Path) -> None:
    states = save(tmp_path / "gan", "dcgan")
    net, _ = build_gan(settings(), SIZE, seed=2)
    net.load_state_dict(states["generator"])
    latents = torch.randn(3, 8)
    with torch.no_grad():
        assert torch.equal(load_gan(tmp_path / "gan").network("Generator")(latents), net.eval()(latents))
