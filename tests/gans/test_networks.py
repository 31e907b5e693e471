"""What all architectures share: shapes, seeds, samples and answers."""

import importlib
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from unseen.core.kinds import kinds
from unseen.gans.shared.networks import build_gan, discriminator_logits, placed, samples, to_unit_range
from unseen.gans.shared.settings import Upsampler

from .tiny import CPU, KINDS, settings

ARCHITECTURES = kinds("gans/architectures")


def noise(count: int, size: int = 32) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def latents(count: int) -> Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("upsample", get_args(Upsampler))
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_the_asked_size_and_a_logit_each(kind: str, upsample: Upsampler, size: int) -> None:
    g, d = build_gan(settings(kind, upsample=upsample, channels=3), size, seed=1)
    with torch.no_grad():
        pictures = g(latents(3))
        logits, features = d(pictures), d.features(pictures)
    assert pictures.shape == (3, 3, size, size)
    assert pictures.isfinite().all()
    assert not torch.equal(pictures[0], pictures[1])
    assert logits.shape == (3,)
    assert logits.isfinite().all()
    assert features.shape == (3, d.num_features)


@pytest.mark.parametrize("kind", KINDS)
def test_the_logit_is_the_head_of_the_features(kind: str) -> None:
    _, d = build_gan(settings(kind), 32, seed=1)
    d.eval()
    with torch.no_grad():
        by_hand = d.features(noise(2)) @ d.head.weight.flatten()
        by_hand += d.head.bias if d.head.bias is not None else 0
        torch.testing.assert_close(d(noise(2)), by_hand)


@pytest.mark.parametrize("kind", KINDS)
def test_one_channel_gives_exactly_grey_pictures_and_three_do_not(kind: str) -> None:
    grey, coloured = (build_gan(settings(kind, channels=channels), 32, seed=1)[0](latents(2)) for channels in (1, 3))
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(grey[:, 0], grey[:, 2])
    assert not torch.equal(coloured[:, 0], coloured[:, 1])


@pytest.mark.parametrize("doublings", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_tail_of_a_generator_ends_its_work_from_smaller_activations(kind: str, doublings: int) -> None:
    g, _ = build_gan(settings(kind, channels=3), 32, seed=1)
    with torch.no_grad():
        list(g.parameters())[-1].mul_(1e5)  # untrained, it draws greys that a tanh would leave as they are
    tail, channels = g.eval().tail(doublings)
    inner: list[Tensor] = []
    tail[0].register_forward_pre_hook(lambda module, given: inner.append(given[0].clone()))
    with torch.no_grad():
        pictures = g(latents(2))
        torch.testing.assert_close(tail(inner[0]), pictures)
    assert inner[0].shape == (2, channels, 32 // 2**doublings, 32 // 2**doublings)


@pytest.mark.parametrize("kind", KINDS)
def test_first_weights_depend_on_the_seed_alone(kind: str) -> None:
    state = torch.get_rng_state()
    first, again, other = ([net.state_dict() for net in build_gan(settings(kind), 32, seed)] for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    for net in (0, 1):
        assert all(torch.equal(first[net][key], again[net][key]) for key in first[net])
        assert any(not torch.equal(first[net][key], other[net][key]) for key in first[net])


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_gets_a_gradient(kind: str) -> None:
    g, d = build_gan(settings(kind), 32, seed=1)
    with torch.no_grad():  # r3gan's blocks start closed
        for weight in [*g.parameters(), *d.parameters()]:
            if not weight.any():
                weight.add_(0.1)
    d(g(latents(4))).square().sum().backward()
    for net in (g, d):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_an_architecture_is_one_module_with_both_networks() -> None:
    assert set(ARCHITECTURES) == {"dcgan", "r3gan"}
    for architecture in ARCHITECTURES:
        module = importlib.import_module(f"unseen.gans.architectures.{architecture}")
        assert {"Generator", "Discriminator"} <= set(vars(module))


@pytest.mark.parametrize("kind", KINDS)
def test_a_placed_network_answers_as_before_with_channels_last(kind: str) -> None:
    _, d = build_gan(settings(kind), 32, seed=1)
    d.eval()
    with torch.no_grad():
        before = d(noise(3))
        moved = placed(d, CPU)
        torch.testing.assert_close(moved(noise(3)), before)
    kernels = [weight for weight in moved.parameters() if weight.dim() == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels)


class Flat(nn.Module):
    """Pictures of one grey each, which the latent names."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, latents: Tensor) -> Tensor:
        return (latents[:, :1, None, None] * self.weight).expand(-1, 3, 4, 4)


def test_samples_are_bytes_and_what_is_beyond_the_range_is_cut_off() -> None:
    drawn = samples(Flat(), torch.tensor([[-9.0], [-1.0], [-0.5], [0.0], [1.0], [9.0]]))
    assert (drawn.dtype, drawn.shape, drawn.device) == (torch.uint8, (6, 3, 4, 4), CPU)
    assert [picture.unique().tolist() for picture in drawn] == [[0], [0], [64], [128], [255], [255]]


def test_bytes_to_unit_range_and_back_are_the_same_bytes() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    unit = to_unit_range(every)
    assert (unit.dtype, unit.min(), unit.max()) == (torch.float32, -1, 1)
    assert torch.equal(samples(Flat(), unit[:, None])[:, 0, 0, 0], every)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_does_not_depend_on_its_neighbours(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g, _ = build_gan(settings(kind), 32, seed=1)
    for _ in range(3):  # batch norm has seen something
        g(latents(8))
    together = samples(g, latents(7))
    monkeypatch.setattr("unseen.gans.shared.networks.BATCH", 2)
    assert (samples(g, latents(7)).int() - together.int()).abs().max() <= 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_does_not_depend_on_its_neighbours_and_changes_nothing(
    kind: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, d = build_gan(settings(kind), 32, seed=1)
    for _ in range(3):
        d(noise(8))
    d.train(training)
    before = {name: value.clone() for name, value in d.state_dict().items()}
    pictures = ((noise(7) + 1) * 127.5).byte()
    together = discriminator_logits(d, pictures)
    monkeypatch.setattr("unseen.gans.shared.networks.BATCH", 2)
    torch.testing.assert_close(discriminator_logits(d, pictures), together)
    assert together.std() > 0
    assert all(module.training == training for module in d.modules())
    assert all(torch.equal(value, before[name]) for name, value in d.state_dict().items())
