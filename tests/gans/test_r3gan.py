"""R3GAN: no normalisation, fix-up first weights, and filters that are each other's transpose."""

from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional

from unseen.gans.architectures import r3gan
from unseen.gans.architectures.r3gan import GAIN, _Block, _Down
from unseen.gans.shared.networks import build_gan
from unseen.gans.shared.settings import Upsampler

from .tiny import modules, settings


def test_nothing_normalises() -> None:
    for net in build_gan(settings("r3gan"), 64, seed=1):
        assert not [module for module in net.modules() if "norm" in type(module).__name__.lower()]
        assert not [name for name, _ in net.named_parameters() if "parametrizations" in name]


def test_there_are_two_blocks_at_each_size_in_both_networks() -> None:
    for net in build_gan(settings("r3gan"), 64, seed=1):
        assert len(modules(net, _Block)) == 2 * 5  # 4, 8, 16, 32 and 64 px


@pytest.mark.parametrize("net", [0, 1], ids=["generator", "discriminator"])
def test_a_block_starts_as_what_comes_in(net: int) -> None:
    for block in modules(build_gan(settings("r3gan"), 32, seed=1)[net], _Block):
        x = torch.randn(2, block.widen.in_channels, 8, 8)
        assert torch.equal(block(x), x)
        with torch.no_grad():
            block.narrow.weight.add_(0.1)
        assert not torch.equal(block(x), x)


def test_a_block_adds_what_its_three_layers_make_of_it() -> None:
    block = modules(build_gan(settings("r3gan"), 32, seed=1)[0], _Block)[0]
    with torch.no_grad():
        for weight in block.parameters():
            weight.copy_(torch.randn(weight.shape))
    x = torch.randn(2, block.widen.in_channels, 8, 8)
    wide = torch.where((wide := block.widen(x)) > 0, wide, 0.2 * wide)
    mixed = torch.where((mixed := block.mix(wide)) > 0, mixed, 0.2 * mixed)
    torch.testing.assert_close(block(x), x + block.narrow(mixed))


def test_a_block_can_learn_from_its_first_step() -> None:
    block = modules(build_gan(settings("r3gan"), 32, seed=1)[0], _Block)[0]
    block(torch.randn(2, block.widen.in_channels, 8, 8)).square().sum().backward()
    assert block.narrow.weight.grad.abs().min() > 0


def test_what_a_block_adds_shrinks_with_the_number_of_blocks_as_fix_up_has_it() -> None:
    for size, blocks in ((32, 8), (128, 12)):
        g, _ = build_gan(settings("r3gan", width=64), size, seed=1)
        assert len(modules(g, _Block)) == blocks
        for layer in (modules(g, _Block)[0].widen, modules(g, _Block)[0].mix):
            fan_in = layer.weight[0].numel()
            assert layer.weight.std().item() == pytest.approx(GAIN * blocks**-0.25 / fan_in**0.5, rel=0.05)
            assert not layer.bias.any()


def test_the_gain_keeps_the_variance_through_the_leaky_relu() -> None:
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(1))
    assert functional.leaky_relu(GAIN * x, 0.2).square().mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("upsample", get_args(Upsampler))
@pytest.mark.parametrize("size", [32, 64])
def test_variance_at_the_start_neither_explodes_nor_dies_out(upsample: Upsampler, size: int) -> None:
    spreads = []
    for seed in range(6):
        g, _ = build_gan(settings("r3gan", upsample=upsample, width=16, latent=64, channels=3), size, seed)
        latents = torch.randn(4, 64, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            spreads.append(g(latents).square().mean().sqrt())
    assert 0.3 < torch.stack(spreads).mean() < 1.7


@pytest.mark.parametrize("size", [32, 64])
def test_the_discriminators_features_are_of_the_order_of_its_pictures(size: int) -> None:
    smooth = torch.randn(8, 3, 1, 1, generator=torch.Generator().manual_seed(1)).expand(-1, -1, size, size)
    spreads = []
    for seed in range(6):
        _, d = build_gan(settings("r3gan", width=16), size, seed)
        with torch.no_grad():
            spreads.append(d.features(smooth).square().mean().sqrt())
    assert 0.2 < torch.stack(spreads).mean() < 3


def test_the_generator_has_no_limit_that_would_flatten_its_gradient() -> None:
    g, _ = build_gan(settings("r3gan"), 32, seed=1)
    assert g(50 * torch.randn(4, 8)).abs().max() > 1


def _identity(channels: int) -> _Down:
    down = _Down(channels, channels)
    with torch.no_grad():
        down.mix.weight.copy_(torch.eye(channels)[:, :, None, None])
    return down


def test_halving_leaves_a_constant_picture_as_it_is_inside() -> None:
    x = torch.tensor([0.3, -1.7])[None, :, None, None].expand(1, 2, 16, 16)
    smaller = _identity(2)(x)
    assert smaller.shape == (1, 2, 8, 8)
    torch.testing.assert_close(smaller[..., 1:-1, 1:-1], x[..., :6, :6])
    assert smaller[0, 0, 0, 0].item() == pytest.approx(0.3 * (7 / 8) ** 2), "zeros come in at the edge"


def test_halving_is_the_transpose_of_bilinear_enlargement() -> None:
    down, x = _identity(2), torch.randn(1, 2, 8, 8)
    transposed = functional.conv_transpose2d(x, 4 * down.filter, stride=2, padding=1, groups=2)
    enlarged = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(transposed[..., 1:-1, 1:-1], enlarged[..., 1:-1, 1:-1])


def test_the_filter_is_no_weight_and_is_not_saved() -> None:
    _, d = build_gan(settings("r3gan"), 32, seed=1)
    assert [name for name, _ in d.named_buffers()]
    assert not [name for name in d.state_dict() if "filter" in name]


@pytest.mark.parametrize("width", [4, 6, 20, 28, 44, 64])
def test_every_width_can_be_built(width: int) -> None:
    for net in build_gan(settings("r3gan", width=width), 32, seed=1):
        for block in modules(net, _Block):
            inner = block.mix.in_channels
            assert inner == 2 * block.widen.in_channels
            assert inner / block.mix.groups >= min(inner, 16), "no group is smaller than the paper's"


def test_at_the_papers_widths_a_group_has_the_papers_channels() -> None:
    g = r3gan.Generator(settings("r3gan", width=64), 32)
    assert {block.mix.in_channels / block.mix.groups for block in modules(g, _Block)} == {16}


def test_channels_grow_towards_the_small_sizes_up_to_a_limit() -> None:
    g, d = build_gan(settings("r3gan", width=4), 64, seed=1)
    widths = [block.widen.in_channels for block in modules(g, _Block)]
    assert widths == [32, 32, 32, 32, 16, 16, 8, 8, 4, 4]
    assert [block.widen.in_channels for block in modules(d, _Block)] == widths[::-1]
    assert d.num_features == 32
    assert not modules(g, nn.ConvTranspose2d)


@pytest.mark.parametrize("blocks", [1, 3])
def test_each_size_has_as_many_blocks_as_asked(blocks: int) -> None:
    for net in build_gan(settings("r3gan", blocks=blocks), 32, seed=1):
        assert len(modules(net, _Block)) == 4 * blocks


def test_spectral_norm_takes_every_layer_that_has_a_norm() -> None:
    _, d = build_gan(settings("r3gan", spectral_norm=True), 32, seed=1)
    layers = modules(d, (nn.Conv2d, nn.Linear))
    normed = [layer for layer in layers if hasattr(layer, "parametrizations")]
    assert len(layers) - len(normed) == len(modules(d, _Block)), "the last of each block starts at zero"
    for _ in range(200):
        d(torch.zeros(1, 3, 32, 32))  # a step of the power iteration each
    for layer in normed:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
    assert d(torch.rand(2, 3, 32, 32)).isfinite().all()
