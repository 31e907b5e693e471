"""A detector's answers to stored pixels."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseen.detectors.base import Detector
from unseen.pictures import Faces, Pixels
from unseen.runtime import half

SCORING_BATCH = 64


def as_batch(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 [n, s, s, 3] as a tensor [n, 3, s, s] on the device."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(device, non_blocking=True).permute(0, 3, 1, 2)


@torch.inference_mode()
def logits_of(model: Detector, pixels: Pixels, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of pictures uint8 [n, s, s, 3], in evaluation mode."""
    model.eval()
    parts = []
    for start in range(0, len(pixels), SCORING_BATCH):
        with half(device):
            parts.append(model(as_batch(pixels[start : start + SCORING_BATCH], device)))
    return np.asarray(torch.cat(parts).double().cpu().numpy())


def logits_of_faces(model: Detector, faces: Faces, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of faces, of which no more than a batch is decoded at a time."""
    starts = range(0, len(faces), SCORING_BATCH)
    parts = [
        logits_of(model, faces.take(range(start, min(start + SCORING_BATCH, len(faces)))), device) for start in starts
    ]
    return np.concatenate(parts) if parts else np.empty(0)
