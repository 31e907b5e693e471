"""Training augmentation: what it does happens, and happens the same way for the same generator."""

import colorsys
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from faces_for_training import OrlFaces
from unseen.detectors.augment import DRAWS, augment, augmented
from unseen.detectors.settings import AugmentSettings
from unseen.pictures import Pixels
from unseen.runtime import generator


def knobs(**changed: Any) -> AugmentSettings:
    return AugmentSettings.model_validate({"blur": 0.0, "blur_sigma": 1.5, "jpeg": 0.0, "jpeg_low": 30, **changed})


def unflipped(out: Pixels, pictures: Pixels) -> Pixels:
    """The pictures again, each turned back if its mirror is nearer to the original."""
    turned = out[:, :, ::-1]
    away, away_turned = (np.abs(other.astype(int) - pictures.astype(int)).mean((1, 2, 3)) for other in (out, turned))
    return np.where((away_turned < away)[:, None, None, None], turned, out)


def sharpness(pictures: Pixels) -> float:
    return float(np.abs(np.diff(pictures.astype(float), axis=1)).mean())


def test_the_generator_decides(orl_faces: OrlFaces) -> None:
    some = knobs(blur=0.5, jpeg=0.5)
    first, again, other = (augment(orl_faces.small, some, generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == orl_faces.small.shape
    assert first.dtype == np.uint8


def test_without_blur_and_jpeg_pictures_are_only_mirrored(orl_faces: OrlFaces) -> None:
    out = augment(orl_faces.small, knobs(), generator(1))
    as_was = (out == orl_faces.small).all((1, 2, 3))
    mirrored = (out == orl_faces.small[:, :, ::-1]).all((1, 2, 3))
    assert (as_was | mirrored).all()
    assert 0.3 < mirrored.mean() < 0.7


def test_blur_blurs_the_share_it_should(orl_faces: OrlFaces) -> None:
    always = unflipped(augment(orl_faces.small, knobs(blur=1.0), generator(1)), orl_faces.small)
    assert sharpness(always) < 0.9 * sharpness(orl_faces.small)
    half = unflipped(augment(orl_faces.small, knobs(blur=0.5, blur_sigma=3.0), generator(1)), orl_faces.small)
    changed = (half != orl_faces.small).any((1, 2, 3)).mean()
    assert 0.3 < changed < 0.65


def test_jpeg_compresses_and_lower_quality_harms_more(orl_faces: OrlFaces) -> None:
    away = []
    for low in (5, 60, 95):
        out = unflipped(augment(orl_faces.small, knobs(jpeg=1.0, jpeg_low=low), generator(1)), orl_faces.small)
        assert (out != orl_faces.small).any((1, 2, 3)).all()
        away.append(np.abs(out.astype(int) - orl_faces.small).mean())
    assert away[0] > away[1] > away[2] > 0
    half = unflipped(augment(orl_faces.small, knobs(jpeg=0.5), generator(1)), orl_faces.small)
    assert 0.3 < (half != orl_faces.small).any((1, 2, 3)).mean() < 0.7


def test_a_picture_depends_on_its_own_draw_alone(orl_faces: OrlFaces) -> None:
    some = knobs(blur=0.5, jpeg=0.5)
    few, many = (augment(orl_faces.small[:count], some, generator(1)) for count in (5, 20))
    assert np.array_equal(few, many[:5])


def test_the_originals_are_left_alone(orl_faces: OrlFaces) -> None:
    before = orl_faces.small.copy()
    augment(orl_faces.small, knobs(blur=1.0, jpeg=1.0), generator(1))
    assert np.array_equal(orl_faces.small, before)


@pytest.mark.parametrize("low", [0, 96, 100])
def test_a_lowest_quality_above_the_highest_is_refused(low: int) -> None:
    with pytest.raises(ValidationError):
        knobs(jpeg=1.0, jpeg_low=low)


def shifted(pixels: Pixels, right: int, down: int) -> Pixels:
    """What a shift should leave, worked out by places: the edge is a mirror, and its own line is not doubled."""
    side = len(pixels)

    def mirrored(place: int) -> int:
        place = abs(place)
        return 2 * (side - 1) - place if place >= side else place

    rows = [mirrored(place - down) for place in range(side)]
    columns = [mirrored(place - right) for place in range(side)]
    return pixels[rows][:, columns]


@pytest.mark.parametrize(("right", "down"), [(0.999, 0.5), (0.0, 0.5), (0.5, 0.999), (0.999, 0.0)])
def test_a_shift_moves_by_its_share_of_the_side(orl_faces: OrlFaces, right: float, down: float) -> None:
    """A draw of 0.5 is no shift at all, 0 and 1 are the largest ones."""
    picture = orl_faces.small[0]
    draw = [0.9] * (DRAWS - 4) + [0.0, 0.5, right, down]
    found = augmented(picture, draw, knobs(move=1.0, move_degrees=0.0, move_shift=0.2))
    assert np.array_equal(found, shifted(picture, round(6.4 * (2 * right - 1)), round(6.4 * (2 * down - 1))))


def test_a_turn_turns_about_the_middle_by_its_degrees() -> None:
    """A bright spot above the middle of a dark picture goes where the angle says, counter-clockwise."""
    picture = np.zeros((65, 65, 3), np.uint8)
    picture[11:14, 31:34] = 255  # 20 above (32, 32)
    draw = [0.9] * (DRAWS - 4) + [0.0, 1.0, 0.5, 0.5]
    found = augmented(picture, draw, knobs(move=1.0, move_degrees=30.0))[..., 0].astype(float)
    middle = [(found.sum(axis) * np.arange(65)).sum() / found.sum() for axis in (1, 0)]
    assert middle == pytest.approx([32 - 20 * np.cos(np.pi / 6), 32 - 20 * np.sin(np.pi / 6)], abs=0.6)


def test_no_move_leaves_a_black_corner(orl_faces: OrlFaces) -> None:
    white = np.full_like(orl_faces.small, 255)
    out = augment(white, knobs(move=1.0, move_degrees=45.0, move_shift=0.2), generator(1))
    assert (out == 255).all()


def test_some_are_moved_each_in_its_own_way(orl_faces: OrlFaces) -> None:
    many = np.repeat(orl_faces.small[:1], 100, axis=0)
    out = augment(many, knobs(move=0.5), generator(1))
    ways = len(np.unique(out.reshape(100, -1), axis=0))
    assert 35 < ways < 65, "two are unmoved: as it was, and its mirror"


def test_hue_goes_round_by_a_tenth_of_the_circle_at_most() -> None:
    """Study E's limit is a jitter strength of 0.4: a pure red becomes one of 36 degrees away, or nearer."""
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    for hue, degrees in ((0.0, -36), (0.25, -18), (0.5, 0), (0.75, 18), (1.0, 36)):
        draw = [0.9] * 3 + [0.0, 0.5, 0.5, 0.5, hue] + [0.9] * (DRAWS - 8)
        found = augmented(red, draw, knobs(jitter=1.0, jitter_strength=0.4))[4, 4] / 255
        turned = 360 * colorsys.rgb_to_hsv(*found)[0]
        assert (turned - degrees + 180) % 360 - 180 == pytest.approx(0, abs=2)
