"""The distance of samples to real faces is 0 for the same, and grows with what is wrong."""

import pytest
import torch
from torch import Tensor

from faces_for_training import OrlFaces
from unseen.gans.quality import patch_distance


@pytest.fixture(scope="module")
def faces(orl_faces: OrlFaces) -> Tensor:
    return torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def alike(faces: Tensor) -> float:
    """What is left between two halves of the same people."""
    return patch_distance(faces[::2], faces[1::2])


def test_it_does_not_depend_on_the_moment(faces: Tensor) -> None:
    torch.manual_seed(1)
    first = patch_distance(faces[::2], faces[1::2])
    torch.manual_seed(2)
    assert patch_distance(faces[::2], faces[1::2]) == first


def test_noise_is_far_from_faces(faces: Tensor, alike: float) -> None:
    noise = torch.randint(256, faces.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert patch_distance(faces, noise) > 5 * alike


def test_it_grows_with_what_is_wrong(faces: Tensor, alike: float) -> None:
    away = [patch_distance(faces, (faces.float() + shift).clamp(0, 255).byte()) for shift in (0, 20, 60, 120)]
    assert away == sorted(away)
    assert away[0] < 1.5 * alike < away[2]


def test_one_face_again_and_again_is_not_the_people(faces: Tensor, alike: float) -> None:
    assert patch_distance(faces, faces[:1].expand(64, -1, -1, -1)) > 2 * alike


def test_it_sees_the_texture_and_not_only_the_grey(faces: Tensor) -> None:
    reals = faces.float()
    noisy = reals + 25 * torch.randn(reals.shape, generator=torch.Generator().manual_seed(1))
    assert patch_distance(faces, noisy.clamp(0, 255).byte()) > 1.5 * patch_distance(faces, faces)
