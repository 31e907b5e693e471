"""The adversarial losses, by name. Logits are positive for real."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional


def _non_saturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), Goodfellow et al. 2014, on logits."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def _non_saturating_g(fake: Tensor) -> Tensor:
    """-log D(G(z)), the same paper's stronger form for the generator."""
    return functional.softplus(-fake).mean()


def _hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))), Lim and Ye 2017."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def _hinge_g(fake: Tensor) -> Tensor:
    """-D(G(z))."""
    return -fake.mean()


DISCRIMINATOR: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "non_saturating": _non_saturating_d,
    "hinge": _hinge_d,
}
GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {"non_saturating": _non_saturating_g, "hinge": _hinge_g}
