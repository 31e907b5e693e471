import re

import numpy as np
import pytest
from PIL import Image

from unseen.faces.crop import crop_square, cut_square, native_side, share_outside, square_around, square_of
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import DetectedFace
from unseen.faces.settings import FaceSettings

CALM = ((30.0, 50.0), (60.0, 50.0), (45.0, 65.0), (33.0, 82.0), (57.0, 82.0))


def test_the_square_follows_ffhq() -> None:
    x, y, side = square_around(DetectedFace((0, 0, 1, 1), CALM, 1.0), 1.0)
    assert x == pytest.approx(45)
    assert y == pytest.approx(50 + 0.35 * 32)
    assert side == pytest.approx(2 * 30)  # wider than 1.8 x 32
    assert square_around(DetectedFace((0, 0, 1, 1), CALM, 1.0), 1.5)[2] == pytest.approx(1.5 * side)


def test_a_face_in_profile_keeps_its_size() -> None:
    profile = ((44.0, 50.0), (46.0, 50.0), (45.0, 65.0), (44.0, 82.0), (46.0, 82.0))
    assert square_around(DetectedFace((0, 0, 1, 1), profile, 1.0), 1.0)[2] == pytest.approx(1.8 * 32)


def test_outside_of_the_picture_its_edge_is_repeated() -> None:
    values = np.zeros((40, 40, 3), np.uint8)
    values[:, :10], values[:, -10:] = (250, 0, 0), (0, 0, 250)
    found = np.asarray(crop_square(Image.fromarray(values), 20, 20, 120, 120), int)
    assert found.shape == (120, 120, 3)
    assert (found[:, :40] == (250, 0, 0)).all()
    assert (found[:, -40:] == (0, 0, 250)).all()
    assert (found[:, 55:65] == 0).all()


def test_a_square_inside_the_picture_is_copied() -> None:
    values = np.random.default_rng(4).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop_square(Image.fromarray(values), 26, 26, 32, 32), values[10:42, 10:42])


def test_reduction_is_antialiased() -> None:
    """A checkerboard of single pixels becomes grey, and not a pattern."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    found = np.asarray(crop_square(Image.fromarray(np.repeat(board[..., None], 3, axis=2)), 128, 128, 256, 64), int)
    assert np.abs(found - 127).max() < 12


def test_a_native_side_is_the_nearest_multiple() -> None:
    assert [native_side(side) for side in (32.0, 35.9, 36.0, 43.9, 257.0, 260.0)] == [32, 32, 40, 40, 256, 264]


def test_a_native_square_is_copied_from_whole_pixels() -> None:
    values = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    picture = Image.fromarray(values)
    np.testing.assert_array_equal(cut_square(picture, 26, 26, 32), values[10:42, 10:42])
    np.testing.assert_array_equal(cut_square(picture, 26.4, 25.6, 32), values[10:42, 10:42])
    np.testing.assert_array_equal(cut_square(picture, 26.6, 25.4, 32), values[9:41, 11:43])


def test_outside_of_the_picture_a_native_square_repeats_the_edge() -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    found = np.asarray(cut_square(Image.fromarray(values), 20, 12, 64))
    np.testing.assert_array_equal(found, np.pad(values, ((20, 4), (12, 12), (0, 0)), mode="edge"))


def test_the_share_of_a_square_outside_of_the_picture() -> None:
    picture = Image.new("RGB", (40, 40))
    assert share_outside(picture, (20.0, 20.0, 40.0)) == 0
    assert share_outside(picture, (20.0, 20.0, 80.0)) == pytest.approx(0.75)
    assert share_outside(picture, (0.0, 20.0, 20.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("short", [0.3, 0.04, 1e-9])
def test_the_side_of_a_crop_that_is_too_small_is_below_the_limit_as_printed_too(short: float) -> None:
    settings = FaceSettings(min_crop=64)
    times = (64 - short) / square_around(DetectedFace((0, 0, 1, 1), CALM, 1.0), settings.scale)[2]
    face = DetectedFace((0, 0, 1, 1), tuple((x * times, y * times) for x, y in CALM), 0.9)
    with pytest.raises(BadPictureError) as caught:
        square_of(Image.new("RGB", (200, 200)), face, settings, "found")
    found = re.search(r"is ([0-9.]+) px, below 64$", caught.value.detail)
    assert found
    assert 63 < float(found[1]) < 64
