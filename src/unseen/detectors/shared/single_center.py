"""Single-center loss: reals are pulled to a center, fakes are pushed away from it."""

import math

import torch
from torch import Tensor


def single_center_loss(features: Tensor, labels: Tensor, center: Tensor, margin: float) -> Tensor:
    """d_real + max(d_real - d_fake + margin sqrt(D), 0), where d is the mean distance of a class to the center (Li et
    al. 2021, CVPR, "Frequency-aware Discriminative Feature Learning Supervised by Single-Center Loss").

    Args:
        features: [n, D], with at least one real and one fake.
        labels: [n], 1 for fake.
        center: [D], learned.
        margin: in units of sqrt(D); the paper uses 0.3.
    """
    distances = torch.linalg.vector_norm(features - center, dim=1)
    real, fake = distances[labels == 0].mean(), distances[labels == 1].mean()
    loss: Tensor = real + (real - fake + margin * math.sqrt(features.shape[1])).clamp(min=0)
    return loss
