"""The real faces beside a GAN's samples: chosen once, looked at once, the same for all training seeds."""

import pytest
import torch
from torch import Tensor

from faces_for_training import OrlFaces
from unseen.core.errors import UserError
from unseen.gans.shared.networks import build_gan
from unseen.gans.training.gan_metrics import GanMetrics
from unseen.gans.training.real_faces import RealFaces

from .tiny import SEED, Squares, settings

LOSSES = {"step": 4, "images": 32, "d_loss": 1.5, "g_loss": 0.5, "squared_gradient": 0.0}


class Counting(Squares):
    """Counts the pictures that it is shown."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, pictures: Tensor) -> Tensor:
        self.seen.append(len(pictures))
        return super().__call__(pictures)


def test_no_more_faces_are_looked_at_than_asked_for_and_only_once(orl_faces: OrlFaces) -> None:
    backbone = Counting()
    real = RealFaces(orl_faces.small[:90], orl_faces.small[90:], 40, SEED, backbone)
    assert backbone.seen == [40, 30]
    networks = build_gan(settings(), 32, SEED)
    for seed in (4, 5):
        GanMetrics(real, settings(), seed)(*networks, LOSSES)
    assert backbone.seen == [40, 30, 40, 40], "the samples"
    for seed in (4, 5):
        GanMetrics(real, settings(), seed).neighbours(networks[0])
    assert sorted(backbone.seen[4:]) == [40, 40, 90], "all training faces, once"


def test_all_training_seeds_are_compared_with_the_same_faces(orl_faces: OrlFaces) -> None:
    real = RealFaces(orl_faces.small[:90], orl_faces.small[90:], 20, SEED, Squares())
    first, second = (GanMetrics(real, settings(), seed) for seed in (4, 5))
    assert first.held_back() == pytest.approx(second.held_back(), rel=1e-9)
    other = RealFaces(orl_faces.small[:90], orl_faces.small[90:], 20, SEED + 1, Squares())
    assert first.held_back() != pytest.approx(GanMetrics(other, settings(), 4).held_back(), rel=1e-3)


def test_features_are_those_of_the_faces_in_the_same_rows(orl_faces: OrlFaces) -> None:
    real = RealFaces(orl_faces.small[:90], orl_faces.small[90:], 20, SEED, Squares())
    assert len({tuple(face.flatten().tolist()) for face in real.train}) == 20
    assert torch.equal(real.features, Squares()(real.train))
    assert torch.equal(real.held_back_features, Squares()(real.held_back))
    assert torch.equal(real.features_of_every, Squares()(real.every))


@pytest.mark.parametrize(("train", "held_back"), [(90, 0), (0, 30), (90, 3), (3, 30)])
def test_too_few_faces_are_one_line(orl_faces: OrlFaces, train: int, held_back: int) -> None:
    faces = orl_faces.small
    with pytest.raises(UserError, match=rf"^{train} faces to train a GAN on and {held_back} held back.*`split\.val`"):
        RealFaces(faces[:train], faces[:held_back], 16, SEED, Squares())


def test_no_faces_at_all_are_one_line(orl_faces: OrlFaces) -> None:
    """As `load` gives them: without a size."""
    empty = orl_faces.small[:0, :0, :0]
    with pytest.raises(UserError, match=r"^90 faces .* 0 held back"):
        RealFaces(orl_faces.small[:90], empty, 16, SEED, Squares())
