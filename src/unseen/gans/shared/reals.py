"""Batches of the real faces that a GAN trains on."""

import torch
from torch import Tensor

from unseen.core.runtime import on
from unseen.data.pictures import Pixels
from unseen.gans.shared.networks import to_unit_range

SHARE_OF_MEMORY = 0.5
"""Largest share of the device's free memory for the faces; the networks need the rest."""


class Reals:
    """Faces as uint8 on the device if they fit, otherwise in pinned host memory."""

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
        """Draw rows of faces with replacement, and whether to mirror each: [count] each."""
        return torch.randint(len(self), (count,), generator=random), torch.rand(count, generator=random) < 0.5

    def batch(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        """Faces [n, 3, size, size] in [-1, 1] on the device, channels last."""
        on_device = self._faces.is_cuda
        chosen = self._faces[on(self.device, rows)] if on_device else on(self.device, self._faces[rows])
        pictures = to_unit_range(chosen.permute(0, 3, 1, 2))
        return torch.where(on(self.device, mirrored)[:, None, None, None], pictures.flip(3), pictures)
