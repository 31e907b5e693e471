"""Loads what makes the twins of a set: own autoencoders, a pretrained one, or none, for the null control."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from unseen.autoencoders.identity import Identity
from unseen.autoencoders.pretrained import load_pretrained
from unseen.autoencoders.reconstruct import load_autoencoder
from unseen.autoencoders.settings import TwinSettings
from unseen.core.training_seeds import seeds_in


@dataclass(frozen=True)
class TwinMakers:
    """What makes the twins of a set.

    Attributes:
        generator: the name that is stored as their generator.
        nets: networks by training seed; one under None if the run trained nothing.
        sampled: whether each face has a random generator, from which the network draws its latents.
    """

    generator: str
    nets: Mapping[int | None, nn.Module]
    sampled: bool = False


def twin_makers(settings: TwinSettings, models: Path, device: torch.device) -> TwinMakers:
    """Load the networks of a set of twins.

    Args:
        settings: settings of the set.
        models: folder of models, in which `settings.autoencoder` is.
        device: where the networks are placed.

    Raises:
        UserError: a network is missing or damaged, or is not an autoencoder.
    """
    folder = models / settings.autoencoder
    if settings.is_identity:
        return TwinMakers(settings.generator, {None: Identity()})
    if settings.pretrained:
        net, has_distribution = load_pretrained(folder / settings.subfolder, settings.dtype, device)
        return TwinMakers(settings.generator, {None: net}, has_distribution and settings.latents == "sampled")
    nets: dict[int | None, nn.Module] = {}
    for seed, path in seeds_in(folder).items():
        _, own = load_autoencoder(path)
        nets[seed] = own.to(device)
    return TwinMakers(settings.generator, nets)
