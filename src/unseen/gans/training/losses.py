"""Adversarial losses and the gradient penalty. Logits are higher for real."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.gans.shared.settings import GanSettings


@dataclass(frozen=True)
class Loss:
    """The losses of discriminator and generator, as functions of logits [n] of reals and [n] of fakes."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    paired: bool = False
    """Whether the generator's loss depends on the logits of reals."""


def _hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))), Lim and Ye 2017."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def loss_of(settings: GanSettings) -> Loss:
    """The losses for `settings.loss`.

    `non_saturating`: -log D(x) - log(1 - D(G(z))) and -log D(G(z)), Goodfellow et al. 2014; with one-sided label
    smoothing, Salimans et al. 2016. `hinge`: Lim and Ye 2017. `relativistic`: softplus(-(D(x) - D(G(z)))) and the
    reverse, Jolicoeur-Martineau 2018, as in Huang et al. 2024.
    """
    if settings.loss == "hinge":
        return Loss(_hinge_d, lambda real, fake: -fake.mean())
    if settings.loss == "relativistic":
        return Loss(
            lambda real, fake: functional.softplus(fake - real).mean(),
            lambda real, fake: functional.softplus(real - fake).mean(),
            paired=True,
        )
    smooth = settings.label_smoothing

    def d_loss(real: Tensor, fake: Tensor) -> Tensor:
        # Cross-entropy against the target 1 - smooth: softplus(-x) + smooth * x.
        return (functional.softplus(-real) + smooth * real).mean() + functional.softplus(fake).mean()

    return Loss(d_loss, lambda real, fake: functional.softplus(-fake).mean())


def squared_gradient(discriminator: nn.Module, pictures: Tensor) -> Tensor:
    """The mean squared norm of D's gradient at pictures [n, 3, s, s]: R1 at reals, R2 at fakes (Mescheder et al.
    2018, arXiv 1801.04406). Differentiable. Computed in float32, because half precision loses small gradients."""
    with torch.autocast(pictures.device.type, enabled=False):
        at = pictures.detach().float().requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(at).sum(), at, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean()
