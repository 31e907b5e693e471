"""A GAN so small that it is trained in no time. Its knobs stand here and in no other test."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.autoencoders.settings import AutoencoderSettings
from unseen.core.scratch import Scratch
from unseen.data.pictures import Pixels
from unseen.gans.shared.artifact import save_gan
from unseen.gans.shared.networks import build_gan
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings, gan_settings
from unseen.gans.training.gan_metrics import GanMetrics
from unseen.gans.training.quality import Backbone
from unseen.gans.training.real_faces import RealFaces
from unseen.gans.training.train import TrainedNetworks, train

SIZE = 32
"""Pixels of its pictures' sides."""

SEED = 3

CPU = torch.device("cpu")

DCGAN: dict[str, Any] = {
    "architecture": "dcgan",
    "train_on": "faces/people",
    "channels": 1,
    "upsample": "transposed",
    "latent": 8,
    "width": 4,
    "spectral_norm": False,
    "loss": "non_saturating",
    "label_smoothing": 0.0,
    "penalty": 0.0,
    "penalty_every": 1,
    "images": 64,
    "batch": 8,
    "learning_rate": 0.001,
    "beta1": 0.5,
    "beta2": 0.99,
    "ema": 50,
    "burn_in": 64,
    "diff_augment": False,
    "sample_every": 24,
    "snapshots": [],
}
SPECTRAL = {"spectral_norm": True, "loss": "hinge", "upsample": "bilinear"}
R3GAN = {
    "architecture": "r3gan",
    "blocks": 2,
    "upsample": "bilinear",
    "loss": "relativistic",
    "penalty": {"start": 2.0, "end": 0.2},
    "penalty_every": 2,
    "beta1": 0.0,
    "ema": {"start": 0, "end": 50},
    "diff_augment": True,
}
KINDS: dict[str, dict[str, Any]] = {"dcgan": {}, "spectral": SPECTRAL, "r3gan": R3GAN}
"""What makes each kind of GAN out of `DCGAN`."""


def settings(kind: str = "dcgan", **changed: Any) -> GanSettings:
    """The knobs of a kind, some of them changed."""
    return gan_settings(DCGAN | KINDS[kind] | changed, "tiny")


class Squares(Backbone):
    """Stands in for the network, which takes seconds: the mean grey of 8 x 8 squares of a picture."""

    def __init__(self) -> None:
        pass

    def __call__(self, pictures: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(pictures.float().mean(1) / 127.5 - 1, 8).flatten(1)


def gan_metrics(faces: Pixels, knobs: GanSettings, seed: int = SEED, count: int = 32) -> GanMetrics:
    """One that holds the last quarter of the faces back."""
    kept = len(faces) * 3 // 4
    return GanMetrics(RealFaces(faces[:kept], faces[kept:], count, SEED, Squares()), knobs, seed)


def trained(
    faces: Pixels, knobs: GanSettings, scratch: Path, seed: int = SEED, device: torch.device = CPU, keep: bool = False
) -> TrainedNetworks:
    """A GAN trained on the first three quarters of the faces. Its checkpoint is removed at the end, unless `keep`."""
    reals, checkpoint = Reals(faces[: len(faces) * 3 // 4], device), Scratch(scratch, "gan", 1)
    result = train(reals, gan_metrics(faces, knobs, seed), knobs, seed, checkpoint)
    if not keep:
        checkpoint.clear()
    return result


def same(first: TrainedNetworks, second: TrainedNetworks) -> bool:
    """Whether two trainings left the same bytes."""
    return (
        first.history == second.history
        and torch.equal(first.grid, second.grid)
        and same_states(first.states, second.states)
    )


def same_states(first: dict[str, dict[str, Tensor]], second: dict[str, dict[str, Tensor]]) -> bool:
    """Whether they hold the same tensors under the same names."""
    names = [{net: set(state) for net, state in states.items()} for states in (first, second)]
    return names[0] == names[1] and all(
        torch.equal(value, second[net][key]) for net, state in first.items() for key, value in state.items()
    )


def save(folder: Path, kind: str = "dcgan", **changed: Any) -> dict[str, dict[str, Tensor]]:
    """Write an untrained GAN, `tiny`, whose discriminator's statistics have seen something; return its states."""
    knobs = settings(kind, **changed)
    g, d = build_gan(knobs, SIZE, seed=1)
    d = d.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as the loop leaves it
    for _ in range(30):
        d(torch.rand(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) * 2 - 1)
    states = {"generator": g.state_dict(), "discriminator": d.state_dict()}
    save_gan(folder, "tiny", knobs, SIZE, states, {"orl": 12})
    return states


def modules(net: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> list[Any]:
    """A network's layers of a kind, in order."""
    return [module for module in net.modules() if isinstance(module, kind)]


AUTOENCODER: dict[str, Any] = {
    "train_on": "faces/people",
    "upsample": "transposed",
    "weights": "none",
    "factor": 2,
    "latent": 4,
    "width": 8,
    "images": 40,
    "batch": 8,
    "learning_rate": 0.003,
    "adversarial": 0.0,
    "sample_every": 16,
}


def autoencoder_settings(**changed: Any) -> AutoencoderSettings:
    """The knobs of a tiny autoencoder, some of them changed."""
    return AutoencoderSettings.model_validate(AUTOENCODER | changed)
