"""Single-center loss: reals lie close together, and fakes further away from where they lie."""

import math

import torch
from torch import Tensor


def single_center_loss(features: Tensor, labels: Tensor, center: Tensor, margin: float) -> Tensor:
    """d_real + max(d_real - d_fake + margin sqrt(D), 0), d being the mean distance of a class to the center of the
    reals (Li et al. 2021, CVPR, "Frequency-aware Discriminative Feature Learning Supervised by Single-Center Loss").

    Args:
        features: [n, D], of at least one real and one fake.
        labels: [n], 1 for fake.
        center: [D], which is learned.
        margin: in units of sqrt(D), since distances grow with it; theirs is 0.3.
    """
    distances = torch.linalg.vector_norm(features - center, dim=1)
    real, fake = distances[labels == 0].mean(), distances[labels == 1].mean()
    loss: Tensor = real + (real - fake + margin * math.sqrt(features.shape[1])).clamp(min=0)
    return loss
