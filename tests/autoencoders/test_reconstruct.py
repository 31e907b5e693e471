"""Autoencoders learn on real faces, go on after a stop, and come back from disk as they were."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_squared_error

from faces_for_training import OrlFaces
from gans import tiny
from gans.tiny import CPU, SIZE, autoencoder_settings
from stops import Interruption, stop_after
from unseen.autoencoders import reconstruct
from unseen.autoencoders.autoencoder import Autoencoder
from unseen.autoencoders.reconstruct import (
    Row,
    build_autoencoder,
    difference,
    fit_autoencoder,
    load_autoencoder,
    psnr,
    save,
    twins_of,
)
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.autoencoders.trainings import fit_autoencoders
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.core.trainings import Trainings
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.reals import Reals

LEARNED = 16
"""Decibels; tests/README.md has what was seen, with other seeds and on other processors."""


def fitted(
    faces: OrlFaces, knobs: AutoencoderSettings, scratch: Path, seed: int = 1, net: Autoencoder | None = None
) -> tuple[Autoencoder, list[Row]]:
    """One that has learned on the first 90 faces, and its table."""
    net = net or build_autoencoder(knobs, SIZE, None, seed)
    held_back = torch.from_numpy(faces.small[90:]).permute(0, 3, 1, 2)
    return net, fit_autoencoder(
        net, Reals(faces.small[:90], CPU), held_back, knobs, seed, Scratch(scratch, "auto", 1)
    )


def equal(first: Autoencoder, second: Autoencoder) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize("adversarial", [0.0, 0.02])
def test_twins_of_people_it_has_not_seen_come_nearer(orl_faces: OrlFaces, tmp_path: Path, adversarial: float) -> None:
    knobs = autoencoder_settings(images=640, sample_every=160, adversarial=adversarial)
    _, history = fitted(orl_faces, knobs, tmp_path)
    assert [row["images"] for row in history] == [160, 320, 480, 640]
    assert history[-1]["psnr_held_back"] > LEARNED
    assert (history[-1]["critic"] != 0) == bool(adversarial)


def test_a_training_that_is_broken_does_not_learn(orl_faces: OrlFaces, tmp_path: Path) -> None:
    _, history = fitted(orl_faces, autoencoder_settings(images=160, learning_rate=1e-12), tmp_path)
    assert history[-1]["psnr_held_back"] < LEARNED


def test_the_error_counts_pixels_and_slopes() -> None:
    real, twin = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    twin[..., 2:] = 1.0
    # Half of the pixels are off by 1; one of three slopes to the right is off by 1, none downwards.
    assert difference(twin, real).item() == pytest.approx(0.5 + 1 / 3)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(orl_faces: OrlFaces, tmp_path: Path) -> None:
    knobs = autoencoder_settings(adversarial=0.02)
    (first, rows), (again, rows_again), (other, _) = (
        fitted(orl_faces, knobs, tmp_path / part, seed) for part, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert rows == rows_again
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.parametrize("stop", [1, 4])
def test_going_on_ends_with_the_same_bytes(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    knobs = autoencoder_settings(adversarial=0.02)
    whole, rows = fitted(orl_faces, knobs, tmp_path / "whole")
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    with monkeypatch.context() as patch:
        stop_after(stop, reconstruct, patch)
        with pytest.raises(Interruption):
            fitted(orl_faces, knobs, tmp_path / "cut")
    gone_on, rows_again = fitted(orl_faces, knobs, tmp_path / "cut")
    assert rows == rows_again
    assert equal(whole, gone_on)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "UNSEEN_STOP_AFTER"])
def test_told_to_stop_it_leaves_a_checkpoint(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with monkeypatch.context() as patch:
        if way == "UNSEEN_STOP_AFTER":
            patch.setenv("UNSEEN_STOP_AFTER", "0")
        else:
            difference = reconstruct.difference

            def signalled(twins: torch.Tensor, reals: torch.Tensor) -> torch.Tensor:
                signal.raise_signal(signal.Signals[way])
                return difference(twins, reals)

            patch.setattr(reconstruct, "difference", signalled)
        with pytest.raises(UserError, match="stopped at 8 of 40 images; run it again to resume") as error:
            fitted(orl_faces, autoencoder_settings(), tmp_path)
    assert error.value.exit_code == (130 if way == "SIGINT" else 1)
    gone_on, _ = fitted(orl_faces, autoencoder_settings(), tmp_path)
    assert equal(gone_on, fitted(orl_faces, autoencoder_settings(), tmp_path / "whole")[0])


def test_told_to_stop_in_the_last_step_of_a_seed_no_other_begins(
    orl_faces: OrlFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reals, others = Reals(orl_faces.small[:90], CPU), torch.from_numpy(orl_faces.small[90:]).permute(0, 3, 1, 2)

    def fit(folder: Path) -> Trainings[tuple[Autoencoder, list[Row]]]:
        return fit_autoencoders(reals, others, autoencoder_settings(), None, [1, 2], folder, "auto", 1)

    measured = reconstruct.psnr
    with monkeypatch.context() as patch:

        def signalled(*pictures: torch.Tensor) -> float:
            steps.append(1)
            if len(steps) == 3:  # of 16, 32 and 40 images
                signal.raise_signal(signal.SIGTERM)
            return measured(*pictures)

        steps: list[int] = []
        patch.setattr(reconstruct, "psnr", signalled)
        with pytest.raises(UserError, match=r"^stopped at training seed 2, which has not begun") as error:
            fit(tmp_path)
        assert error.value.exit_code == 1
        again = fit(tmp_path)
        assert len(steps) == 6, "the first seed is not trained again"
    assert equal(again.trained[1][0], fitted(orl_faces, autoencoder_settings(), tmp_path / "whole")[0])
    again.clear()
    assert not list(tmp_path.glob("*/checkpoint.pt"))


def test_an_error_that_is_not_finite_stops_it(orl_faces: OrlFaces, tmp_path: Path) -> None:
    knobs = autoencoder_settings()
    net = build_autoencoder(knobs, SIZE, None, 1)
    with torch.no_grad():
        next(net.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="not finite at step 2; halve `learning_rate`"):
        fitted(orl_faces, knobs, tmp_path, net=net)


def test_it_comes_back_from_disk_as_it_was(orl_faces: OrlFaces, tmp_path: Path) -> None:
    net, _ = fitted(orl_faces, autoencoder_settings(), tmp_path / "scratch")
    save(tmp_path / "auto", "auto", net, {"orl": 90})
    name, found = load_autoencoder(tmp_path / "auto")
    assert name == "auto"
    assert not found.training
    assert equal(net, found)
    faces = torch.from_numpy(orl_faces.small[:5]).permute(0, 3, 1, 2)
    assert torch.equal(twins_of(net, faces), twins_of(found, faces))


def test_a_gan_lends_its_last_blocks_and_they_come_back(orl_faces: OrlFaces, tmp_path: Path) -> None:
    tiny.save(tmp_path / "gan", channels=3)
    gan = load_gan(tmp_path / "gan")
    knobs = autoencoder_settings(weights="gans/tiny", factor=4)
    net, _ = fitted(orl_faces, knobs, tmp_path / "scratch", net=build_autoencoder(knobs, SIZE, gan, 1))
    assert net.lent is not None
    tail, _ = gan.network("Generator").tail(2)  # type: ignore[operator]
    for name, value in tail.state_dict().items():
        assert torch.equal(net.lent.state_dict()[name], value), name
    save(tmp_path / "auto", "auto", net, {})
    assert equal(load_autoencoder(tmp_path / "auto")[1], net)
    with pytest.raises(UserError, match="`tiny` was trained at 32 px, but crops are 64 px; train it at that size"):
        build_autoencoder(knobs, 64, gan, 1)


def test_a_folder_that_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"autoencoder\.json: not found; .*`dvc repro`"):
        load_autoencoder(tmp_path / "nowhere")
    save(tmp_path / "auto", "auto", build_autoencoder(autoencoder_settings(), SIZE, None, 1), {})
    weights = tmp_path / "auto" / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match="its SHA-256 is not the recorded one"):
        load_autoencoder(tmp_path / "auto")
    weights.write_bytes(whole[:100])
    with pytest.raises(UserError, match="damaged"):
        load_autoencoder(tmp_path / "auto")


def test_twins_keep_their_reals_low_frequencies_where_asked(orl_faces: OrlFaces) -> None:
    net = build_autoencoder(autoencoder_settings(), SIZE, None, 1)  # untrained: far from its reals
    faces = torch.from_numpy(orl_faces.small[:4]).permute(0, 3, 1, 2)
    far = (twins_of(net, faces).float() - faces.float()).mean((2, 3)).abs()
    near = (twins_of(net, faces, 0.5).float() - faces.float()).mean((2, 3)).abs()
    assert far.mean() > 10
    assert near.max() < 3, "the mean grey is a low frequency"


def test_psnr_in_decibels(orl_faces: OrlFaces) -> None:
    real = orl_faces.small[:3].astype(float)
    noisy = np.clip(real + np.random.default_rng(1).integers(-20, 20, real.shape), 0, 255)
    error = mean_squared_error(real.ravel(), noisy.ravel())
    assert psnr(torch.from_numpy(noisy), torch.from_numpy(real)) == pytest.approx(10 * np.log10(255**2 / error))
