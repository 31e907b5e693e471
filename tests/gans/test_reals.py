"""Batches of real faces."""

import numpy as np
import pytest
import torch

from faces_for_training import OrlFaces
from unseen.gans.shared.reals import Reals

from .tiny import CPU


@pytest.fixture
def reals(orl_faces: OrlFaces) -> Reals:
    return Reals(orl_faces.small, CPU)


def test_it_knows_how_many_faces_of_what_size_it_has(reals: Reals) -> None:
    assert (len(reals), reals.size, reals.device) == (120, 32, CPU)


def test_a_batch_is_the_faces_in_unit_range(reals: Reals, orl_faces: OrlFaces) -> None:
    rows = torch.tensor([7, 0, 7])
    batch = reals.batch(rows, torch.zeros(3, dtype=torch.bool))
    by_hand = orl_faces.small[[7, 0, 7]].astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1
    assert batch.dtype == torch.float32
    assert np.abs(batch.numpy() - by_hand).max() < 1e-6
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_black_and_white_are_the_ends_of_the_range(orl_faces: OrlFaces) -> None:
    ends = np.stack([np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)])
    batch = Reals(ends, CPU).batch(torch.tensor([0, 1]), torch.tensor([False, True]))
    assert batch[0].unique().tolist() == [-1.0]
    assert batch[1].unique().tolist() == [1.0]


def test_mirrored_rows_are_flipped_left_to_right_and_no_others(reals: Reals) -> None:
    rows = torch.arange(4)
    plain = reals.batch(rows, torch.zeros(4, dtype=torch.bool))
    mixed = reals.batch(rows, torch.tensor([True, False, True, False]))
    assert torch.equal(mixed[0::2], plain[0::2].flip(3))
    assert torch.equal(mixed[1::2], plain[1::2])
    assert not torch.equal(plain[0], plain[0].flip(2)), "a face looks otherwise when it is mirrored"


def test_every_face_comes_up_as_often_and_half_of_them_mirrored(reals: Reals) -> None:
    rows, mirrored = reals.draw(60_000, torch.Generator().manual_seed(1))
    counts = torch.bincount(rows, minlength=120)
    assert len(counts) == 120
    assert (counts - 500).abs().max() < 5 * 500**0.5
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_generator_alone_decides_the_draw(reals: Reals) -> None:
    first, again, other = (reals.draw(50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
