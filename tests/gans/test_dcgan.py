"""DCGAN: the paper's layers and first weights, and its discriminator with spectral norm."""

import pytest
import torch
from torch import nn

from unseen.gans.architectures import dcgan
from unseen.gans.shared.networks import build_gan

from .tiny import modules, settings

PAPER = settings(width=64, latent=100, channels=3)


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def test_it_has_the_papers_parameter_counts() -> None:
    kernel = 4 * 4
    up = kernel * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    norms = 2 * (512 + 256 + 128 + 64)
    assert count(dcgan.Generator(PAPER, 64)) == up + norms == 3_576_704
    down = kernel * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1) + 64 + 1  # first layer and head
    norms = 2 * (128 + 256 + 512)
    assert count(dcgan.Discriminator(PAPER, 64)) == down + norms == 2_765_633


def test_the_generator_is_the_papers_layer_by_layer() -> None:
    """Written out as in the paper's figure 1, with the same weights."""
    up = [(100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1), (64, 3, 2, 1)]
    layers: list[nn.Module] = []
    for before, after, stride, padding in up:
        layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
        layers += [nn.Tanh()] if after == 3 else [nn.BatchNorm2d(after), nn.ReLU()]
    paper, ours = nn.Sequential(*layers), dcgan.Generator(PAPER, 64)
    values = ours.state_dict().values()
    paper.load_state_dict(dict(zip(paper.state_dict(), values, strict=True)))
    latents = torch.randn(2, 100)
    torch.testing.assert_close(ours(latents), paper(latents[:, :, None, None]))


def test_the_discriminator_is_the_papers_layer_by_layer() -> None:
    layers: list[nn.Module] = []
    for before, after in [(3, 64), (64, 128), (128, 256), (256, 512)]:
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=before == 3))
        layers += [nn.BatchNorm2d(after)] if before != 3 else []
        layers.append(nn.LeakyReLU(0.2))
    paper, ours = nn.Sequential(*layers, nn.Conv2d(512, 1, 4)), dcgan.Discriminator(PAPER, 64)
    paper.load_state_dict(dict(zip(paper.state_dict(), ours.state_dict().values(), strict=True)))
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(ours(pictures), paper(pictures).flatten())


def test_it_starts_from_the_papers_distribution() -> None:
    layers = [layer for net in build_gan(settings(width=32, latent=100), 64, seed=1) for layer in net.modules()]
    kernels = [layer.weight for layer in layers if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    large = [weight for weight in kernels if weight.numel() > 10_000]
    assert len(large) == 7
    for weight in large:
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert abs(weight.mean().item()) < 5 * 0.02 / weight.numel() ** 0.5
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 7
    for norm in norms:
        assert norm.weight.mean().item() == pytest.approx(1.0, abs=5 * 0.02 / norm.num_features**0.5)
        assert norm.weight.std().item() == pytest.approx(0.02, rel=0.5)
        assert not norm.bias.any()


def test_pictures_stay_in_range_whatever_the_latents() -> None:
    g, _ = build_gan(settings(), 32, seed=1)
    with torch.no_grad():
        g.layers[-1].weight.mul_(1000)
        assert g(torch.randn(3, 8)).abs().max() == 1


@pytest.mark.parametrize(("size", "widest"), [(32, 4), (64, 8), (128, 16), (256, 16)])
def test_channels_double_towards_four_pixels_up_to_a_limit(size: int, widest: int) -> None:
    g, d = build_gan(settings(width=4), size, seed=1)
    norms = modules(g, nn.BatchNorm2d)
    assert (norms[0].num_features, norms[-1].num_features) == (4 * widest, 4)
    assert d.num_features == 4 * widest * 16
    assert modules(d, nn.Conv2d)[0].out_channels == 4


def test_with_spectral_norm_every_layer_of_the_discriminator_has_norm_one_and_none_has_batch_norm() -> None:
    _, d = build_gan(settings("spectral"), 64, seed=1)
    for _ in range(100):  # a forward pass in training mode is one power iteration
        d(torch.zeros(1, 3, 64, 64))
    layers = modules(d, (nn.Conv2d, nn.Linear))
    assert len(layers) == 5
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert largest.item() == pytest.approx(1.0, abs=0.02)
    assert not modules(d, nn.BatchNorm2d)


def test_without_spectral_norm_every_layer_but_the_first_and_the_head_has_batch_norm() -> None:
    _, d = build_gan(settings(), 64, seed=1)
    assert len(modules(d, nn.Conv2d)) == 5
    assert [norm.num_features for norm in modules(d, nn.BatchNorm2d)] == [8, 16, 32]
    for layer in modules(d, nn.Conv2d):
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) < 0.5, "nothing normalises its weights"


def test_spectral_norm_leaves_the_generator_alone() -> None:
    plain, other = (build_gan(settings(spectral_norm=spectral), 32, seed=1)[0] for spectral in (False, True))
    assert list(plain.state_dict()) == list(other.state_dict())
    assert modules(other, nn.BatchNorm2d)
