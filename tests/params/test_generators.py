"""A held-out generator is another one than those that train, whatever its name and its training."""

from typing import Any, ClassVar

import pytest

from gans.tiny import AUTOENCODER
from unseen.core.settings import validated
from unseen.gans.shared.settings import SCHEDULE, GanSettings
from unseen.params.check import Params
from unseen.params.references import problems

LONGER = {"images": 99_999, "learning_rate": 0.0001, "ema": 500, "batch": 16, "beta1": 0.4, "burn_in": 2000}


PLAIN: dict[str, Any] = {"architecture": "dcgan", "train_on": "faces/people", "channels": 1}
"""A GAN whose other knobs have their defaults."""


def wrong(data: dict[str, Any]) -> list[str]:
    return list(problems(validated(Params, data, "")))


def with_gan(data: dict[str, Any], **knobs: Any) -> dict[str, Any]:
    """params.yaml with a held-out GAN: the one that trains, some knobs changed."""
    data["gans"]["dcgan"] = PLAIN
    data["gans"]["kept"] = PLAIN | knobs
    data["fakes"]["kept_fakes"] = {"group": "held_out", "use": "held_out", "gan": "kept", "count": 200}
    return data


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"sample_every": 77},
        {"snapshots": [0.5]},
        {"penalty_every": 4},
        {"images": 160_000},
        {"learning_rate": {"start": 0.001, "end": 0.0001}},
        LONGER,
        {"train_on": "faces/people/orl"},
    ],
    ids=lambda knobs: ", ".join(knobs) or "none",
)
def test_the_same_network_trained_otherwise_is_the_same_generator(
    params_data: dict[str, Any], knobs: dict[str, Any]
) -> None:
    found = wrong(with_gan(params_data, **knobs))[0]
    assert found.startswith(
        "params: `fakes.kept_fakes.use` is 'held_out', but `dcgan_fakes` of the same GAN, `dcgan`"
    )
    assert all(knob in found.partition(" only in ")[2] for knob in knobs)
    assert "\n" not in found


def test_a_knob_at_its_default_makes_no_other_generator(params_data: dict[str, Any]) -> None:
    found = wrong(with_gan(params_data, latent=64, width=32, loss="non_saturating", beta2=0.999))[0]
    assert "`fakes.kept_fakes.use` is 'held_out', but `dcgan_fakes` of the same GAN, `dcgan`, trains" in found


@pytest.mark.parametrize(
    "knobs",
    [
        {"upsample": "nearest"},
        {"width": 16},
        {"latent": 32},
        {"spectral_norm": True},
        {"loss": "hinge"},
        {"penalty": 1.0},
        {"diff_augment": True},
        {"architecture": "r3gan"},
    ],
    ids=lambda knobs: ", ".join(knobs),
)
def test_another_network_or_loss_is_another_generator(params_data: dict[str, Any], knobs: dict[str, Any]) -> None:
    assert wrong(with_gan(params_data, **knobs)) == []


def test_a_detector_does_not_start_from_a_held_out_gan_trained_longer(params_data: dict[str, Any]) -> None:
    params_data["gans"]["longer"] = {**params_data["gans"]["resize_conv"], **LONGER}
    params_data["detectors"]["discriminator"]["weights"] = "gans/longer"
    (found,) = wrong(params_data)
    assert found.startswith("params: `detectors.discriminator.weights` is 'gans/longer', whose fakes")


def with_twins(
    data: dict[str, Any], of_kept: dict[str, Any] | None = None, of_seen: dict[str, Any] | None = None
) -> dict[str, Any]:
    """params.yaml with held-out and training twins, of autoencoders with some knobs changed."""
    data["autoencoders"], data["twins"] = {}, {}
    for name, use, knobs in (("kept", "held_out", of_kept), ("seen", "train", of_seen)):
        if knobs is not None:
            data["autoencoders"][name] = {**AUTOENCODER, **knobs}
            data["twins"][f"{name}_twins"] = {
                "group": use,
                "use": use,
                "autoencoder": f"autoencoders/{name}",
                "of": "faces/people",
            }
    return data


@pytest.mark.parametrize("knobs", [{"images": 80}, {"sample_every": 8}, {"learning_rate": 0.01}, {"batch": 4}])
def test_an_autoencoder_trained_otherwise_is_the_same_generator(
    params_data: dict[str, Any], knobs: dict[str, Any]
) -> None:
    (found,) = wrong(with_twins(params_data, knobs, {}))
    assert found.startswith("params: `twins.kept_twins.use` is 'held_out', but `seen_twins` of the same autoencoder")
    assert f"only in {next(iter(knobs))})" in found


@pytest.mark.parametrize("knobs", [{"upsample": "nearest"}, {"factor": 4}, {"latent": 8}, {"adversarial": 0.1}])
def test_another_decoder_is_another_generator(params_data: dict[str, Any], knobs: dict[str, Any]) -> None:
    assert wrong(with_twins(params_data, knobs, {})) == []


@pytest.mark.parametrize("knobs", [{"upsample": "nearest"}, {"latent": 8}, {"width": 16}, {"factor": 4}])
def test_with_the_blocks_of_a_gan_the_generator_is_the_gan(
    params_data: dict[str, Any], knobs: dict[str, Any]
) -> None:
    lent = {"weights": "gans/dcgan"}
    found = wrong(with_twins(params_data, lent | knobs, lent))
    assert any(
        "`twins.kept_twins.use` is 'held_out', but `seen_twins` of the same GAN, `dcgan`" in one for one in found
    )


def test_twins_by_the_blocks_of_a_gan_whose_fakes_train_are_not_held_out(params_data: dict[str, Any]) -> None:
    (found,) = wrong(with_twins(params_data, {"weights": "gans/dcgan"}))
    assert "`twins.kept_twins.use` is 'held_out', but `dcgan_fakes` of the same GAN, `dcgan`, trains" in found


def test_an_architecture_says_which_knobs_it_does_not_read() -> None:
    class Settings(GanSettings):
        ignored: ClassVar[frozenset[str]] = frozenset({"upsample"})

    one, other = (
        Settings.model_validate({"architecture": "x", "train_on": "faces/x", "upsample": up, "width": 8})
        for up in ("nearest", "bilinear")
    )
    assert one.generator() == other.generator()
    assert one.generator() != other.model_copy(update={"width": 16}).generator()


def test_the_schedule_names_knobs_of_gans() -> None:
    assert set(GanSettings.model_fields) >= SCHEDULE


def with_hub_twins(data: dict[str, Any], kept: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """What is wrong with params.yaml and held-out and training twins by these models of the hub."""
    data["hub"] = {"kept": kept, "seen": seen}
    data["autoencoders"] = {}
    data["twins"] = {
        f"{name}_twins": {"group": use, "use": use, "autoencoder": f"hub/{name}", "of": "faces/people"}
        for name, use in (("kept", "held_out"), ("seen", "train"))
    }
    return wrong(data)


def test_a_pretrained_generator_is_its_repository(params_data: dict[str, Any]) -> None:
    found = with_hub_twins(params_data, {"repo": "a/VAE", "revision": "0" * 40}, {"repo": "A/vae"})
    assert len(found) == 1
    assert found[0].startswith(
        "params: `twins.kept_twins.use` is 'held_out', but `seen_twins` of the same repository"
    )
    assert found[0].endswith("take another repository, or let it train too")
    assert with_hub_twins(params_data, {"repo": "a/vae"}, {"repo": "a/other"}) == []
    assert len(with_hub_twins(params_data, {"folder": "copies/vae"}, {"folder": "copies/../copies/vae"})) == 1
    assert with_hub_twins(params_data, {"folder": "copies/vae"}, {"folder": "copies/other"}) == []


@pytest.mark.parametrize(("name", "what"), [("identity", "the built-in null control"), ("auto", "an autoencoder")])
def test_a_model_of_the_hub_has_a_name_of_its_own(params_data: dict[str, Any], name: str, what: str) -> None:
    params_data["hub"] = {name: {"repo": "a/vae"}}
    params_data["autoencoders"] = {"auto": AUTOENCODER}
    (found,) = wrong(params_data)
    assert found.startswith(f"params: `hub.{name}` has the name of {what}")
