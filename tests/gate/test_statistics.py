"""Statistics of faces: what they react to, and what they do not."""

import math

import numpy as np
import pytest
from PIL import Image

from unseen.data.pictures import Pixels
from unseen.faces.crop import square_around
from unseen.faces.detect import DetectedFace
from unseen.gate.statistics import quality_of, side_of, turn_of
from unseen.robustness.changes import CHANGES

FRONTAL = [(30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0)]


@pytest.fixture
def face(portrait: Image.Image) -> Pixels:
    """A real face of 64 x 64 pixels."""
    return np.asarray(portrait.crop((0, 14, 92, 106)).resize((64, 64), Image.Resampling.LANCZOS))


def test_quality_of_damage(face: Pixels) -> None:
    clean = quality_of(face)
    for change, level in (("resize", 0.5), ("resize", 0.25), ("blur", 1.0), ("screenshot", 0.75)):
        assert quality_of(CHANGES[change](face, level)).sharpness < clean.sharpness - 0.03, change
    strong, weak = (quality_of(CHANGES["jpeg"](face, quality)).blockiness for quality in (20, 95))
    assert strong > clean.blockiness + 0.3
    assert weak == pytest.approx(clean.blockiness, abs=0.1)


def test_quality_does_not_depend_on_brightness_or_on_the_axis(face: Pixels) -> None:
    clean, darker, turned = (quality_of(one) for one in (face, face // 2, np.ascontiguousarray(face.swapaxes(0, 1))))
    assert darker.sharpness == pytest.approx(clean.sharpness, abs=0.02)
    assert turned == clean


def test_quality_of_plain_pictures() -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert (quality_of(flat).sharpness, quality_of(flat).blockiness) == (0.0, 0.0)
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (64, 64, 3))
    assert quality_of(ramp).sharpness == 0.5
    tiles = (np.indices((64, 64)).sum(0) // 8 % 2 * 0 + np.arange(64)[None] // 8 * 20).astype(np.uint8)
    assert quality_of(np.repeat(tiles[..., None], 3, axis=2)).blockiness > 3  # steps at the borders of blocks alone
    moved = np.roll(np.repeat(tiles[..., None], 3, axis=2), 4, axis=1)
    assert quality_of(moved).blockiness <= 0


@pytest.mark.parametrize("side", [8, 9, 16])
def test_quality_of_the_smallest_crops(face: Pixels, side: int) -> None:
    """`faces.native` allows crops of 8 pixels, which have no border between JPEG blocks."""
    found = quality_of(face[:side, :side])
    assert 0 < found.sharpness < 1.5
    assert math.isfinite(found.blockiness)
    assert (found.blockiness == 0) == (side < 16)


def turned(degrees: float) -> list[tuple[float, float]]:
    """The landmarks in a picture that is turned in its plane."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(c * x - s * y, s * x + c * y) for x, y in FRONTAL]


def test_turn() -> None:
    assert turn_of(FRONTAL) == 0
    assert turn_of(turned(30)) == 0  # a tilted head is not turned to a side
    values = [turn_of([*FRONTAL[:2], (50 + shift, 60.0), *FRONTAL[3:]]) for shift in (4, 12, 30)]
    assert values == [0.1, 0.3, 0.75]
    assert turn_of([*FRONTAL[:2], (20.0, 60.0), *FRONTAL[3:]]) == 0.75  # either side
    assert turn_of([(1.0, 1.0)] * 5) == math.inf


def test_side_is_that_of_the_crop() -> None:
    face = DetectedFace((0.0, 0.0, 1.0, 1.0), tuple(FRONTAL), 0.9)
    assert side_of(FRONTAL, 1.1) == round(square_around(face, 1.1)[2], 1)
