"""Both architectures: shapes, ranges, parameter counts and first weights."""

import importlib
from typing import Any

import pytest
import torch
from torch import nn

from unseen.gans import dcgan, resize_conv
from unseen.gans.settings import GanSettings
from unseen.gans.train import build

from . import tiny

ARCHITECTURES = ["dcgan", "resize_conv"]
SIZES = [32, 64, 128]


def settings(architecture: str = "dcgan", **changed: Any) -> GanSettings:
    """Those of a tiny GAN that draws in colour."""
    return tiny.settings(**{"architecture": architecture, "channels": 3} | changed)


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_generator_draws_pictures_of_the_asked_size_in_range(architecture: str, size: int) -> None:
    net, _ = build(settings(architecture), size, seed=1)
    pictures = net(10 * torch.randn(3, 8, generator=torch.Generator().manual_seed(0)))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    assert not torch.equal(pictures[0], pictures[1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_discriminator_gives_a_logit_a_picture_and_says_how_wide_its_features_are(
    architecture: str, size: int
) -> None:
    _, net = build(settings(architecture), size, seed=1)
    pictures = torch.rand(2, 3, size, size) * 2 - 1
    assert net(pictures).shape == (2,)
    assert net.features(pictures).shape == (2, net.num_features)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_logit_is_the_head_of_the_features(architecture: str) -> None:
    _, net = build(settings(architecture), 32, seed=1)
    net.eval()
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        by_hand = net.features(pictures) @ net.head.weight.flatten() + net.head.bias
        torch.testing.assert_close(net(pictures), by_hand)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_channel_gives_exactly_grey_pictures_and_three_do_not(architecture: str) -> None:
    latents = torch.randn(2, 8)
    grey = build(settings(architecture, channels=1), 32, seed=1)[0](latents)
    assert grey.shape == (2, 3, 32, 32)
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(grey[:, 0], grey[:, 2])
    coloured = build(settings(architecture), 32, seed=1)[0](latents)
    assert not torch.equal(coloured[:, 0], coloured[:, 1])


def test_dcgan_has_the_papers_parameter_counts() -> None:
    paper = settings(width=64, latent=100)
    kernel = 4 * 4
    up = kernel * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3  # the last layer has a bias
    norms = 2 * (512 + 256 + 128 + 64)
    assert count(dcgan.Generator(paper, 64)) == up + norms == 3_576_707
    down = kernel * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1) + 64 + 1  # first layer and head
    norms = 2 * (128 + 256 + 512)
    assert count(dcgan.Discriminator(paper, 64)) == down + norms == 2_765_633


def test_dcgan_starts_from_the_papers_distribution() -> None:
    for net in build(settings(width=32, latent=100), 64, seed=1):
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 10_000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
                assert abs(module.weight.mean().item()) < 5 * 0.02 / module.weight.numel() ** 0.5
            if isinstance(module, nn.BatchNorm2d):
                assert module.weight.mean().item() == pytest.approx(1.0, abs=5 * 0.02 / module.num_features**0.5)
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.5)
                assert not module.bias.any()


def test_resize_conv_enlarges_without_transposed_convolutions() -> None:
    wide = resize_conv.Generator(settings("resize_conv"), 128)
    assert not [module for module in wide.modules() if isinstance(module, nn.ConvTranspose2d)]
    convolutions = [module for module in wide.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 6  # 5 doublings, 1 to picture
    assert [module for module in dcgan.Generator(settings(), 64).modules() if isinstance(module, nn.ConvTranspose2d)]


def test_every_layer_of_the_resize_conv_discriminator_is_spectrally_normalised() -> None:
    _, net = build(settings("resize_conv"), 32, seed=1)
    for _ in range(50):  # a forward pass in training mode is one power iteration
        net(torch.zeros(1, 3, 32, 32))
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 4
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert largest.item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_first_weights_depend_on_the_seed_alone(architecture: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (build(settings(architecture), 32, seed)[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_gets_a_gradient(architecture: str) -> None:
    generator, discriminator = build(settings(architecture), 32, seed=1)
    discriminator(generator(torch.randn(4, 8))).sum().backward()
    for net in (generator, discriminator):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_an_architecture_is_one_module_with_both_networks() -> None:
    for architecture in ARCHITECTURES:
        module = importlib.import_module(f"unseen.gans.{architecture}")
        assert {"Generator", "Discriminator"} <= set(vars(module))
