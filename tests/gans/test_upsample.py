"""Each way to double a side does what its name says."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.gans.shared.settings import Upsampler
from unseen.gans.shared.upsample import upsampler

from .tiny import modules

KINDS = get_args(Upsampler)


def pictures(channels: int = 5, size: int = 6) -> Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def weight_of(layer: nn.Module) -> Tensor:
    (convolution,) = modules(layer, (nn.Conv2d, nn.ConvTranspose2d))
    assert convolution.bias is None
    weight: Tensor = convolution.weight.detach()
    return weight


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_side_is_doubled(kind: Upsampler, kernel: int) -> None:
    assert upsampler(kind, 5, 7, kernel)(pictures()).shape == (2, 7, 12, 12)


@pytest.mark.parametrize("kind", KINDS)
def test_only_transposed_has_a_transposed_convolution(kind: Upsampler) -> None:
    assert len(modules(upsampler(kind, 5, 7), nn.ConvTranspose2d)) == (kind == "transposed")


def test_transposed_paints_its_kernel_for_each_pixel() -> None:
    layer = upsampler("transposed", 1, 1)
    dot = torch.zeros(1, 1, 6, 6)
    dot[..., 2, 3] = 1
    by_hand = torch.zeros(1, 1, 12, 12)
    by_hand[..., 3:7, 5:9] = weight_of(layer)[0, 0]
    torch.testing.assert_close(layer(dot), by_hand)


@pytest.mark.parametrize("kernel", [1, 3])
def test_pixel_shuffle_is_torchs(kernel: int) -> None:
    layer = upsampler("pixel_shuffle", 5, 7, kernel)
    wide = functional.conv2d(pictures(), weight_of(layer), padding=kernel // 2)
    assert wide.shape == (2, 28, 6, 6)
    by_hand = torch.zeros(2, 7, 12, 12)
    for row in (0, 1):
        for column in (0, 1):
            by_hand[:, :, row::2, column::2] = wide[:, 2 * row + column :: 4]
    torch.testing.assert_close(layer(pictures()), by_hand)
    torch.testing.assert_close(layer(pictures()), functional.pixel_shuffle(wide, 2))


@pytest.mark.parametrize("kernel", [1, 3])
def test_nearest_repeats_each_pixel_before_a_convolution(kernel: int) -> None:
    layer = upsampler("nearest", 5, 7, kernel)
    enlarged = pictures().repeat_interleave(2, 2).repeat_interleave(2, 3)
    by_hand = functional.conv2d(enlarged, weight_of(layer), padding=kernel // 2)
    torch.testing.assert_close(layer(pictures()), by_hand)


@pytest.mark.parametrize("kernel", [1, 3])
def test_bilinear_weighs_neighbours_three_to_one(kernel: int) -> None:
    layer = upsampler("bilinear", 5, 7, kernel)
    x = functional.pad(pictures(), [1] * 4, mode="replicate")
    rows = torch.stack([0.25 * x[:, :, :-2] + 0.75 * x[:, :, 1:-1], 0.75 * x[:, :, 1:-1] + 0.25 * x[:, :, 2:]], 3)
    x = rows.flatten(2, 3)
    both = torch.stack([0.25 * x[..., :-2] + 0.75 * x[..., 1:-1], 0.75 * x[..., 1:-1] + 0.25 * x[..., 2:]], 4)
    by_hand = functional.conv2d(both.flatten(3), weight_of(layer), padding=kernel // 2)
    torch.testing.assert_close(layer(pictures()), by_hand)
