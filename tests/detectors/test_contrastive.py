"""The contrastive loss by hand, and against its definition pair by pair."""

import math

import numpy as np
import pytest
import torch

from unseen.detectors.shared.contrastive import contrastive_loss


def test_by_hand() -> None:
    """Unit vectors at 0, 90, 60 and 180 degrees; the first two are real.

    Distances: reals sqrt 2; fakes (60 to 180) sqrt 3. Real to fake: 1, 2, and 2 sin 15 and sqrt 2.
    """
    features = torch.tensor([[2.0, 0.0], [0.0, 0.1], [0.5, math.sqrt(3) / 2], [-7.0, 0.0]])
    labels = torch.tensor([0.0, 0.0, 1.0, 1.0])
    same = (math.sqrt(2) + math.sqrt(3)) / 2
    near = 2 * math.sin(math.radians(15))
    assert float(contrastive_loss(features, labels, 1.0)) == pytest.approx(same + (1 - near), rel=1e-5)
    two = [1.5 - 1, 1.5 - near, 1.5 - math.sqrt(2)]
    assert float(contrastive_loss(features, labels, 1.5)) == pytest.approx(same + sum(two) / 3, rel=1e-5)


def by_pairs(features: torch.Tensor, labels: list[int], margin: float) -> float:
    """The definition of Hadsell et al. without the squares: D_W for a similar pair, max(0, m - D_W) for another; with
    the means of pytorch-metric-learning, over the terms above 0."""
    rows = [row / np.linalg.norm(row) for row in features.numpy().astype(float)]
    alike, apart = [], []
    for i, first in enumerate(rows):
        for j, second in enumerate(rows):
            if i == j:
                continue
            distance = float(np.linalg.norm(first - second))
            (alike if labels[i] == labels[j] else apart).append(
                distance if labels[i] == labels[j] else max(0.0, margin - distance)
            )
    return sum(float(np.mean([term for term in terms if term > 0] or [0.0])) for terms in (alike, apart))


@pytest.mark.parametrize("margin", [0.3, 1.0, 2.0])
def test_against_its_definition(margin: float) -> None:
    features = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    labels = [0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1]
    found = float(contrastive_loss(features, torch.tensor(labels), margin))
    assert found == pytest.approx(by_pairs(features, labels, margin), rel=1e-4)


def test_twins_with_equal_features_and_one_face_of_a_class_have_finite_gradients() -> None:
    features = torch.ones(3, 4, requires_grad=True)
    contrastive_loss(features, torch.tensor([0.0, 1.0, 1.0]), 1.0).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_it_separates_the_classes() -> None:
    features = torch.randn(16, 4, generator=torch.Generator().manual_seed(2)).requires_grad_()
    labels = torch.tensor([0.0, 1.0] * 8)
    optimizer = torch.optim.SGD([features], lr=1.0)
    before = float(contrastive_loss(features, labels, 1.0).detach())
    for _ in range(200):
        optimizer.zero_grad()
        contrastive_loss(features, labels, 1.0).backward()
        optimizer.step()
    unit = torch.nn.functional.normalize(features.detach(), dim=1)
    distances = torch.cdist(unit, unit)
    same = labels[:, None] == labels[None]
    assert float(contrastive_loss(features, labels, 1.0).detach()) < before / 3
    assert distances[same].max() < distances[~same].min()
