"""Logits of a detector for stored pixels."""

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseen.core.prefetch import prefetch
from unseen.core.runtime import half, has_idle_core, on
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared.base import Detector

SCORING_BATCH = 64


def as_batch(pixels: Pixels, device: torch.device) -> Tensor:
    """Copy pixels uint8 [n, s, s, 3] to a tensor [n, 3, s, s] on the device."""
    return on(device, torch.from_numpy(np.ascontiguousarray(pixels))).permute(0, 3, 1, 2)


@torch.inference_mode()
def _logits(model: Detector, pixels: Pixels, device: torch.device) -> list[Tensor]:
    """One tensor per batch, on the device and possibly still being computed; with a further axis for the views of a
    picture."""
    model.eval()
    images = pixels.reshape(-1, *pixels.shape[-3:])
    found = []
    for start in range(0, len(images), SCORING_BATCH):
        with half(device):
            found.append(model(as_batch(images[start : start + SCORING_BATCH], device)))
    if pixels.ndim == 4 or not found:
        return found
    # in double precision, as averages of one view are then its logits
    return [torch.cat(found).double().view(pixels.shape[:2]).mean(1)]


def _joined(parts: list[Tensor]) -> npt.NDArray[np.float64]:
    return np.asarray(torch.cat(parts).double().cpu().numpy()) if parts else np.empty(0)


def logits_of(model: Detector, pictures: Pixels | Sequence[Pixels], device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of pictures, in evaluation mode, averaged over the views of each picture.

    Args:
        model: the detector, with its `view`.
        pictures: stored crops uint8 [n, s, s, 3], or a sequence of crops of any side; or their views, of
            `View.of_all` or decoded with `View.fit`, uint8 [n, views, s, s, 3].
        device: of the model.
    """
    if not len(pictures):
        return np.empty(0)
    seen = isinstance(pictures, np.ndarray) and pictures.ndim == 5
    return _joined(_logits(model, pictures if seen else model.view.of_all(pictures), device))  # type: ignore[arg-type]


def logits_of_faces(model: Detector, faces: Faces, device: torch.device) -> npt.NDArray[np.float64]:
    """Logits [n] of faces, with at most two decoded batches in memory."""

    def taken(start: int, threads: Executor) -> Pixels:
        return faces.take(range(start, min(start + SCORING_BATCH, len(faces))), threads, model.view.fit)

    decoded = prefetch(range(0, len(faces), SCORING_BATCH), taken, has_idle_core())
    return _joined([part for pixels in decoded for part in _logits(model, pixels, device)])
