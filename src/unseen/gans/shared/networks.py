"""Build the two networks of a GAN, move them to a device, draw samples and compute logits."""

import importlib

import torch
from torch import Tensor, nn

from unseen.core.runtime import seeded
from unseen.gans.shared.settings import GanSettings

BATCH = 64


def build_gan(settings: GanSettings, size: int, seed: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of the architecture, initialised from the seed."""
    module = importlib.import_module(f"unseen.gans.architectures.{settings.architecture}")
    with seeded(seed, "weights"):
        return module.Generator(settings, size), module.Discriminator(settings, size)


def placed(net: nn.Module, device: torch.device) -> nn.Module:
    """Move the network to a device, in channels-last format for faster convolutions."""
    found: nn.Module = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return found


@torch.no_grad()
def samples(net: nn.Module, latents: Tensor) -> Tensor:
    """Pictures uint8 [n, 3, size, size] on the host, for latents [n, latent]; sets evaluation mode."""
    net.eval()
    device = next(net.parameters()).device
    parts = [
        ((net(part.to(device)).float() + 1) * 127.5).round().clamp(0, 255) for part in torch.split(latents, BATCH)
    ]
    return torch.cat(parts).to(torch.uint8).cpu()


@torch.no_grad()
def discriminator_logits(net: nn.Module, pictures: Tensor) -> Tensor:
    """D's logits [n] on the host, for pictures uint8 [n, 3, size, size]; keeps the network's mode."""
    device, was = next(net.parameters()).device, net.training
    net.eval()  # a logit must not depend on the other images of the batch
    parts = [net(to_unit_range(part.to(device))).float().cpu() for part in torch.split(pictures, BATCH)]
    net.train(was)
    return torch.cat(parts)


def to_unit_range(pixels: Tensor) -> Tensor:
    """Convert uint8 in [0, 255] to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1.0
