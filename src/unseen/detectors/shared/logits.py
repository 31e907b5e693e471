"""Logits of a detector for stored pixels."""

from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseen.core.prefetch import prefetch
from unseen.core.runtime import half, on
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared.base import Detector

SCORING_BATCH = 64


def as_batch(pixels: Pixels, device: torch.device) -> Tensor:
    """Copy pixels uint8 [n, s, s, 3] to a tensor [n, 3, s, s] on the device."""
    return on(device, torch.from_numpy(np.ascontiguousarray(pixels))).permute(0, 3, 1, 2)


@torch.inference_mode()
def _logits(model: Detector, pixels: Pixels, device: torch.device) -> list[Tensor]:
    """One tensor per batch, on the device and possibly still being computed."""
    model.eval()
    found = []
    for start in range(0, len(pixels), SCORING_BATCH):
        with half(device):
            found.append(model(as_batch(pixels[start : start + SCORING_BATCH], device)))
    return found


def _joined(parts: list[Tensor]) -> npt.NDArray[np.float64]:
    return np.asarray(torch.cat(parts).double().cpu().numpy()) if parts else np.empty(0)


def logits_of(model: Detector, pixels: Pixels, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of pictures uint8 [n, s, s, 3], in evaluation mode."""
    return _joined(_logits(model, pixels, device))


def logits_of_faces(model: Detector, faces: Faces, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of faces, with at most two decoded batches in memory."""

    def taken(start: int, threads: Executor) -> Pixels:
        return faces.take(range(start, min(start + SCORING_BATCH, len(faces))), threads)

    decoded = prefetch(range(0, len(faces), SCORING_BATCH), taken)
    return _joined([part for pixels in decoded for part in _logits(model, pixels, device)])
