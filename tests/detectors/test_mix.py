"""Fakes that are real in part: by values worked by hand."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.fft import dctn

from unseen.data.pictures import Pixels
from unseen.detectors.shared.mix import DRAWS, mixed
from unseen.detectors.shared.settings import MixSettings


def some(**changed: Any) -> MixSettings:
    return MixSettings.model_validate({"pixels": 0.0, "frequencies": 0.0, "most": 0.8, **changed})


def plain(value: int) -> Pixels:
    return np.full((8, 8, 3), value, np.uint8)


def smooth(seed: int, size: int = 16) -> Pixels:
    """A picture between 100 and 156, so that no exchange of small coefficients is cut at 0 or 255."""
    return np.random.default_rng(seed).integers(100, 157, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("most", "draw", "value"),
    [
        (0.8, 0.5, 160),  # the real's share is 0.4: 0.4 * 100 + 0.6 * 200
        (0.8, 0.0, 200),
        (0.8, 0.999, 120),
        (1.0, 0.25, 175),
        (0.0, 0.9, 200),
    ],
)
def test_pixels_are_averaged_with_the_reals_share(most: float, draw: float, value: int) -> None:
    found = mixed(plain(100), plain(200), [0.0, 0.0, draw, 0.5], some(pixels=1.0, most=most))
    assert np.abs(found.astype(int) - value).max() == 0
    assert found.dtype == np.uint8


def test_an_average_is_rounded_and_not_cut() -> None:
    found = mixed(plain(1), plain(2), [0.0, 0.0, 0.4, 0.5], some(pixels=1.0, most=1.0))
    assert (found == 2).all(), "1.6"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_each_coefficient_is_the_reals_or_the_fakes_in_all_colours(share: float) -> None:
    real, fake = smooth(1, 32), smooth(2, 32)
    found = mixed(real, fake, [0.0, 0.0, share, 0.5], some(frequencies=1.0, most=1.0))
    of_real, of_fake, of_found = (dctn(one.astype(float), axes=(0, 1), norm="ortho") for one in (real, fake, found))
    # rounding to whole pixels moves a coefficient by 1 / sqrt(12) on average
    from_real, from_fake = (np.abs(of_found - one).max(2) < 2.0 for one in (of_real, of_fake))
    assert (from_real | from_fake).all(), "from one of them, and the three colours from the same"
    assert from_real.mean() == pytest.approx(share, abs=0.05)
    assert from_fake.mean() == pytest.approx(1 - share, abs=0.05)


def test_values_beyond_white_are_cut_and_do_not_wrap() -> None:
    rows = np.arange(8)
    board = np.where((rows[:, None] + rows) % 2, 255, 215).astype(np.uint8)[..., None].repeat(3, 2)
    found = mixed(plain(250), board, [0.0, 0.0, 0.5, 0.5], some(frequencies=1.0, most=1.0))
    assert found.max() == 255, "half of the coefficients of a board around 235, and the mean of 250"
    assert found.min() > 190


def test_most_0_leaves_a_fake_as_it_was() -> None:
    fake = smooth(2)
    found = mixed(smooth(1), fake, [0.0, 0.0, 0.9, 0.5], some(pixels=1.0, frequencies=1.0, most=0.0))
    assert np.array_equal(found, fake)


def test_probability_0_leaves_the_bytes() -> None:
    fake = smooth(2)
    assert np.array_equal(mixed(smooth(1), fake, [0.0, 0.0, 0.9, 0.5], some(most=1.0)), fake)


@pytest.mark.parametrize("way", ["pixels", "frequencies"])
def test_a_fake_is_mixed_with_the_probability_given(way: str) -> None:
    draws = np.random.default_rng(3).random((400, DRAWS))
    draws[:, 2] = 0.7
    real, fake = smooth(1, 8), smooth(2, 8)
    changed = [not np.array_equal(mixed(real, fake, list(draw), some(**{way: 0.3})), fake) for draw in draws]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.08)


def test_same_numbers_same_mix_and_other_numbers_another() -> None:
    real, fake = smooth(1), smooth(2)
    whole = some(frequencies=1.0)
    first, again, other = (mixed(real, fake, [0.0, 0.0, 0.5, seed], whole) for seed in (0.1, 0.1, 0.2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_neither_side_is_written_to() -> None:
    real, fake = smooth(1), smooth(2)
    before = real.copy(), fake.copy()
    mixed(real, fake, [0.0, 0.0, 0.5, 0.5], some(pixels=1.0, frequencies=1.0))
    assert np.array_equal(real, before[0])
    assert np.array_equal(fake, before[1])


@pytest.mark.parametrize("name", ["pixels", "frequencies", "most"])
def test_a_share_beyond_1_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        some(**{name: 1.1})
