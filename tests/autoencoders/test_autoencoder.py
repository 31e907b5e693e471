"""The autoencoder's shapes, what it borrows, and the exchange of low frequencies."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from torch import nn

from gans.tiny import SIZE, autoencoder_settings, modules, settings
from unseen.autoencoders.autoencoder import Autoencoder, Critic, with_low_frequencies_of, with_spectrum_of
from unseen.gans.shared.settings import Upsampler


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("upsample", get_args(Upsampler))
def test_a_twin_has_its_reals_shape_and_passes_the_waist(upsample: Upsampler, factor: int) -> None:
    net = Autoencoder(autoencoder_settings(upsample=upsample, factor=factor), SIZE, None)
    waist: list[torch.Size] = []
    net.down.register_forward_hook(lambda module, given, inner: waist.append(inner.shape))
    assert net(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, 3, SIZE, SIZE)
    assert waist == [torch.Size([2, 4, SIZE // factor, SIZE // factor])]


def test_a_side_that_is_no_multiple_of_the_factor_is_padded() -> None:
    net = Autoencoder(autoencoder_settings(factor=16), SIZE, None)
    faces = torch.rand(2, 3, 40, 40)
    assert net(faces).shape == faces.shape
    padded = nn.functional.pad(faces, (0, 8, 0, 8), mode="reflect")
    torch.testing.assert_close(net(faces), net(padded)[..., :40, :40])


@pytest.mark.parametrize(
    ("upsample", "layer"),
    [
        ("transposed", nn.ConvTranspose2d),
        ("nearest", nn.Upsample),
        ("bilinear", nn.Upsample),
        ("pixel_shuffle", nn.PixelShuffle),
    ],
)
def test_the_decoder_doubles_as_its_upsampler_does(upsample: Upsampler, layer: type[nn.Module]) -> None:
    net = Autoencoder(autoencoder_settings(upsample=upsample, factor=4), SIZE, None)
    found = modules(net.up, (nn.ConvTranspose2d, nn.Upsample, nn.PixelShuffle))
    assert [type(one) for one in found] == [layer, layer]
    if layer is nn.Upsample:
        assert {one.mode for one in found} == {upsample}


def test_a_twin_does_not_depend_on_its_neighbours_in_a_batch() -> None:
    net = Autoencoder(autoencoder_settings(), SIZE, None)
    faces = torch.rand(3, 3, SIZE, SIZE) * 2 - 1
    torch.testing.assert_close(net(faces)[:1], net(faces[:1]))


@pytest.mark.parametrize("kind", ["dcgan", "r3gan"])
@pytest.mark.parametrize("factor", [2, 4])
def test_lent_blocks_stay_as_they_are(kind: str, factor: int) -> None:
    gan = settings(kind, channels=3, upsample="nearest").model_dump()
    net = Autoencoder(autoencoder_settings(factor=factor), SIZE, gan).train()
    lent = net.lent
    assert lent is not None
    assert not lent.training
    assert not any(weight.requires_grad for weight in lent.parameters())
    assert any(weight.requires_grad for weight in net.down.parameters())
    before = {name: value.clone() for name, value in lent.state_dict().items()}
    assert net(torch.rand(4, 3, SIZE, SIZE)).shape == (4, 3, SIZE, SIZE)
    assert before
    assert all(torch.equal(value, before[name]) for name, value in lent.state_dict().items()), "no statistics moved"


def test_the_critic_looks_at_patches_of_22_pixels() -> None:
    critic, picture = Critic(8).eval(), torch.zeros(1, 3, 64, 64, requires_grad=True)
    answers = critic(picture)
    answers[0, 0, answers.shape[2] // 2, answers.shape[3] // 2].backward()
    assert picture.grad is not None
    seen = picture.grad[0].abs().sum(0).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [22, 22]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.97])
def test_low_frequencies_are_the_reals_and_the_others_the_twins(share: float) -> None:
    generator = torch.Generator().manual_seed(1)
    real, twin = (torch.rand(2, 3, 16, 16, generator=generator, dtype=torch.double) for _ in range(2))
    kept = round(share * 16)
    mixed = dctn(twin.numpy(), axes=(2, 3), norm="ortho")
    mixed[:, :, :kept, :kept] = dctn(real.numpy(), axes=(2, 3), norm="ortho")[:, :, :kept, :kept]
    expected = idctn(mixed, axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(with_low_frequencies_of(real, twin, share).numpy(), expected, atol=1e-12)


def test_a_twin_has_its_reals_energy_at_each_frequency_and_its_own_signs() -> None:
    generator = torch.Generator().manual_seed(1)
    real, twin = (torch.rand(2, 3, 16, 16, generator=generator, dtype=torch.double) for _ in range(2))
    found = dctn(with_spectrum_of(real, twin).numpy(), axes=(2, 3), norm="ortho")
    reals, twins = (dctn(pictures.numpy(), axes=(2, 3), norm="ortho") for pictures in (real, twin))
    ring = np.floor(np.hypot(*np.indices((16, 16)))).astype(int)
    for number in range(ring.max() + 1):
        inside = ring == number
        energy, expected = ((side[..., inside] ** 2).sum(-1) for side in (found, reals))
        np.testing.assert_allclose(energy, expected, rtol=1e-9)
        gain = np.sqrt(expected / (twins[..., inside] ** 2).sum(-1))
        np.testing.assert_allclose(found[..., inside], gain[..., None] * twins[..., inside], atol=1e-9)


def test_a_blurred_twin_is_no_longer_blurred() -> None:
    real = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    blurred = torch.nn.functional.avg_pool2d(real, 3, stride=1, padding=1, count_include_pad=False)
    sharp = [float(p.diff(dim=3).square().mean()) for p in (real, blurred, with_spectrum_of(real, blurred))]
    assert sharp[1] < 0.2 * sharp[0]
    assert sharp[2] > 0.85 * sharp[0]
    flat = torch.zeros_like(real)
    assert with_spectrum_of(real, flat).abs().max() == 0
