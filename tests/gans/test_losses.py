"""The losses against torch's and against values worked by hand; the penalty against derivatives worked by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.gans.shared.networks import build_gan
from unseen.gans.training.losses import Loss, loss_of, squared_gradient

from .tiny import KINDS, settings

NAMES = ["non_saturating", "hinge", "relativistic"]
REAL = torch.tensor([0.0, 2.0])
FAKE = torch.tensor([-1.0, 3.0])


def loss(name: str, **changed: Any) -> Loss:
    return loss_of(settings(loss=name, **changed))


def cross_entropy(logits: Tensor, target: float) -> float:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target)).item()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_non_saturating_is_cross_entropy_with_smoothed_reals(smoothing: float) -> None:
    found = loss("non_saturating", label_smoothing=smoothing)
    by_hand = cross_entropy(REAL, 1 - smoothing) + cross_entropy(FAKE, 0)
    assert found.discriminator(REAL, FAKE).item() == pytest.approx(by_hand)
    assert found.generator(REAL, FAKE).item() == pytest.approx(cross_entropy(FAKE, 1)), "its own aim is not smoothed"
    assert not found.paired


def test_hinge() -> None:
    # reals: max(0, 1 - 0), max(0, 1 - 2); fakes: max(0, 1 - 1), max(0, 1 + 3)
    assert loss("hinge").discriminator(REAL, FAKE).item() == (1 + 0) / 2 + (0 + 4) / 2
    assert loss("hinge").generator(REAL, FAKE).item() == -(-1 + 3) / 2
    assert not loss("hinge").paired


def test_relativistic_asks_which_of_a_pair_is_more_real() -> None:
    found = loss("relativistic")
    # differences: 0 - -1 = 1 and 2 - 3 = -1
    apart = torch.tensor([1.0, -1.0])
    assert found.discriminator(REAL, FAKE).item() == pytest.approx(cross_entropy(apart, 1))
    assert found.generator(REAL, FAKE).item() == pytest.approx(cross_entropy(-apart, 1))
    assert found.paired


def test_the_relativistic_losses_mirror_each_other_and_know_no_zero() -> None:
    found = loss("relativistic")
    real, fake = torch.randn(2, 9, generator=torch.Generator().manual_seed(1))
    assert found.generator(real, fake) == found.discriminator(fake, real)
    torch.testing.assert_close(found.discriminator(real + 7, fake + 7), found.discriminator(real, fake))


@pytest.mark.parametrize(
    ("name", "blind"), [("non_saturating", 2 * math.log(2)), ("hinge", 2.0), ("relativistic", math.log(2))]
)
def test_what_a_blind_discriminator_costs(name: str, blind: float) -> None:
    assert loss(name).discriminator(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(blind)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_push_the_right_way(name: str) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    loss(name).discriminator(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    drawn = torch.full((3,), -5.0, requires_grad=True)
    loss(name).generator(torch.zeros(3), drawn).backward()
    assert drawn.grad is not None
    assert (drawn.grad < -0.3).all(), "a generator that loses clearly must still get a gradient"


@pytest.mark.parametrize("name", NAMES)
def test_huge_logits_stay_finite(name: str) -> None:
    huge = torch.tensor([-1e30, 1e30])
    assert torch.isfinite(loss(name).discriminator(huge, huge))
    assert torch.isfinite(loss(name).generator(huge, huge.flip(0)))


class Linear(nn.Module):
    """D(x) = w . x"""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(1)))

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures * self.weight).sum((1, 2, 3))


def test_the_squared_gradient_of_a_linear_discriminator_is_that_of_its_weight() -> None:
    net = Linear()
    found = squared_gradient(net, torch.randn(5, 3, 4, 4))
    torch.testing.assert_close(found, net.weight.square().sum())
    found.backward()
    torch.testing.assert_close(net.weight.grad, 2 * net.weight.detach())


def test_the_squared_gradient_of_a_quadratic_discriminator() -> None:
    """D(x) = |x|^2 / 2 has the gradient x."""
    x = torch.randn(5, 3, 4, 4)
    found = squared_gradient(lambda pictures: pictures.square().sum((1, 2, 3)) / 2, x)  # type: ignore[arg-type]
    torch.testing.assert_close(found, x.square().sum((1, 2, 3)).mean())


@pytest.mark.parametrize("kind", ["spectral", "r3gan"])
def test_the_squared_gradient_is_the_mean_of_each_pictures_own(kind: str) -> None:
    _, d = build_gan(settings(kind), 32, seed=1)
    d.eval()
    pictures = torch.rand(4, 3, 32, 32) * 2 - 1
    each = []
    for picture in pictures:
        alone = picture[None].clone().requires_grad_()
        d(alone).backward()
        assert alone.grad is not None
        each.append(alone.grad.square().sum())
    torch.testing.assert_close(squared_gradient(d, pictures), torch.stack(each).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_has_the_gradient_that_small_steps_say(kind: str) -> None:
    _, d = build_gan(settings(kind), 32, seed=1)
    d.eval()
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    weight = next(weight for weight in d.parameters() if weight.dim() == 4)
    way, step = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)).double(), 1e-8
    squared_gradient(d, pictures).backward()
    assert weight.grad is not None
    analytic = (weight.grad * way).sum().item()

    d.double()
    at = pictures.double().requires_grad_()
    begin, stepped = weight.detach().clone(), []
    for places in (begin + step * way, begin - step * way):
        weight.data.copy_(places)
        (slope,) = torch.autograd.grad(d(at).sum(), at)
        stepped.append(slope.square().sum((1, 2, 3)).mean().item())
    assert analytic == pytest.approx((stepped[0] - stepped[1]) / (2 * step), rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_reaches_the_discriminators_weights_and_not_the_generators(kind: str) -> None:
    g, d = build_gan(settings(kind), 32, seed=1)
    with torch.no_grad():  # r3gan's blocks start closed
        for weight in d.parameters():
            if not weight.any():
                weight.add_(0.1)
    fake = g(torch.randn(4, 8))
    squared_gradient(d, fake).backward()
    kernels = [weight for weight in d.parameters() if weight.dim() == 4]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in kernels)
    assert all(weight.grad is None for weight in g.parameters())


def test_the_squared_gradient_is_taken_in_full_precision_where_halves_multiply() -> None:
    _, d = build_gan(settings("r3gan"), 32, seed=1)
    pictures = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        assert d(pictures).dtype == torch.bfloat16
        halved = squared_gradient(d, pictures.bfloat16().float())
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, squared_gradient(d, pictures.bfloat16().float()), rtol=0, atol=0)
