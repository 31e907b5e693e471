"""The losses against values worked by hand."""

import math

import pytest
import torch

from unseen.gans.losses import DISCRIMINATOR, GENERATOR

REAL = torch.tensor([0.0, 2.0])
FAKE = torch.tensor([-1.0, 3.0])


def minus_log_sigmoid(logit: float) -> float:
    return math.log(1 + math.exp(-logit))


def test_non_saturating() -> None:
    real = (minus_log_sigmoid(0.0) + minus_log_sigmoid(2.0)) / 2  # -log D(x)
    fake = (minus_log_sigmoid(1.0) + minus_log_sigmoid(-3.0)) / 2  # -log(1 - D(G(z)))
    assert DISCRIMINATOR["non_saturating"](REAL, FAKE).item() == pytest.approx(real + fake)
    towards_real = (minus_log_sigmoid(-1.0) + minus_log_sigmoid(3.0)) / 2
    assert GENERATOR["non_saturating"](FAKE).item() == pytest.approx(towards_real)


def test_a_blind_discriminator_costs_two_log_two() -> None:
    blind = torch.zeros(4)
    assert DISCRIMINATOR["non_saturating"](blind, blind).item() == pytest.approx(2 * math.log(2))
    assert DISCRIMINATOR["hinge"](blind, blind).item() == 2.0


def test_hinge() -> None:
    # reals: max(0, 1 - 0), max(0, 1 - 2); fakes: max(0, 1 - 1), max(0, 1 + 3)
    assert DISCRIMINATOR["hinge"](REAL, FAKE).item() == (1 + 0) / 2 + (0 + 4) / 2
    assert GENERATOR["hinge"](FAKE).item() == -(-1 + 3) / 2


@pytest.mark.parametrize("name", ["non_saturating", "hinge"])
def test_gradients_push_the_right_way(name: str) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    DISCRIMINATOR[name](real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    drawn = torch.full((3,), -5.0, requires_grad=True)
    GENERATOR[name](drawn).backward()
    assert drawn.grad is not None
    assert (drawn.grad < -0.3).all(), "a generator that loses clearly must still get a gradient"


@pytest.mark.parametrize("name", ["non_saturating", "hinge"])
def test_huge_logits_stay_finite(name: str) -> None:
    huge = torch.tensor([-1e30, 1e30])
    assert torch.isfinite(DISCRIMINATOR[name](huge, huge))
    assert torch.isfinite(GENERATOR[name](huge))


def test_every_loss_has_both_sides() -> None:
    assert set(DISCRIMINATOR) == set(GENERATOR) == {"non_saturating", "hinge"}
