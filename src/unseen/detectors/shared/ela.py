"""Error level analysis: the change of each pixel by another JPEG compression (Krawetz 2007)."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def error_levels(pixels: Tensor, quality: int, scale: float) -> Tensor:
    """|picture - its JPEG| x scale, clipped at 255; pixels and result are uint8 [n, 3, s, s]."""
    found = []
    for picture in pixels.permute(0, 2, 3, 1).cpu().numpy():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        again = np.asarray(Image.open(buffer), np.float32)
        found.append((np.abs(picture - again) * scale).clip(0, 255).round().astype(np.uint8))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).to(pixels.device)
