"""Training augmentation: what it does happens, and happens the same way for the same generator."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from faces_for_training import OrlFaces
from unseen.detectors.augment import augment
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
