"""A GAN's two networks: built, put on a device, and asked for samples."""

import importlib

import torch
from torch import Tensor, nn

from unseen.core.runtime import seeded
from unseen.gans.shared.settings import GanSettings

BATCH = 64


def build_gan(settings: GanSettings, size: int, seed: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of the architecture, freshly initialised from the seed alone."""
    module = importlib.import_module(f"unseen.gans.architectures.{settings.architecture}")
    with seeded(seed, "weights"):
        return module.Generator(settings, size), module.Discriminator(settings, size)


def placed(net: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device, its pictures' channels last: convolutions are faster so."""
    found: nn.Module = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return found


@torch.no_grad()
def samples(net: nn.Module, latents: Tensor) -> Tensor:
    """Pictures of latents [n, latent], uint8 [n, 3, size, size] on the host; the network is in evaluation mode."""
    net.eval()
    device = next(net.parameters()).device
    parts = [
        ((net(part.to(device)).float() + 1) * 127.5).round().clamp(0, 255) for part in torch.split(latents, BATCH)
    ]
    return torch.cat(parts).to(torch.uint8).cpu()


@torch.no_grad()
def answers(net: nn.Module, pictures: Tensor) -> Tensor:
    """D's logits [n] of pictures uint8 [n, 3, size, size], on the host; the network is left in the mode it was in.

    It answers in evaluation mode: a face is not judged by its neighbours in a batch.
    """
    device, was = next(net.parameters()).device, net.training
    net.eval()
    parts = [net(to_unit_range(part.to(device))).float().cpu() for part in torch.split(pictures, BATCH)]
    net.train(was)
    return torch.cat(parts)


def to_unit_range(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1.0
