"""The real faces a GAN trains on, as batches on the device."""

import torch
from torch import Tensor

from unseen.core.runtime import on
from unseen.data.pictures import Pixels
from unseen.gans.shared.networks import to_unit_range

SHARE_OF_MEMORY = 0.5
"""Of the device's free memory that the faces may take; the networks need the rest."""


class Reals:
    """Faces as bytes on the device where they fit, else in the host's pinned memory."""

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        """`pixels` are [n, size, size, 3]."""
        faces = torch.from_numpy(pixels)
        self.device, self.size = device, pixels.shape[1]
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            faces = faces.to(device) if faces.numel() < SHARE_OF_MEMORY * free else faces.pin_memory()
        self._faces = faces

    def __len__(self) -> int:
        return len(self._faces)

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Which faces a batch has, with repeats, and which of them are mirrored: [count] each."""
        return torch.randint(len(self), (count,), generator=random), torch.rand(count, generator=random) < 0.5

    def batch(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        """Faces [n, 3, size, size] in [-1, 1] on the device, channels last."""
        there = self._faces.is_cuda
        chosen = self._faces[on(self.device, rows)] if there else on(self.device, self._faces[rows])
        pictures = to_unit_range(chosen.permute(0, 3, 1, 2))
        return torch.where(on(self.device, mirrored)[:, None, None, None], pictures.flip(3), pictures)
