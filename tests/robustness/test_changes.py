"""Each change does what it says, on pictures whose outcome is known by hand."""

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from faces_for_training import OrlFaces
from unseen.data.pictures import Pixels
from unseen.robustness.changes import (
    CHANGES,
    blur,
    brightness,
    crop,
    jpeg,
    jpeg_file,
    noise,
    resize,
    screenshot,
    webp,
)

LEVELS = {
    "clean": 0.0,
    "jpeg": 50,
    "webp": 50,
    "blur": 1.5,
    "noise": 5.0,
    "resize": 0.5,
    "crop": 0.8,
    "brightness": 1.2,
    "screenshot": 1.37,
}
IDENTITIES = {"clean": 0.0, "blur": 0.0, "noise": 0.0, "resize": 1.0, "crop": 1.0, "brightness": 1.0}


@pytest.fixture(scope="module")
def face(orl_faces: OrlFaces) -> Pixels:
    """One real face, 64 pixels."""
    return orl_faces.large[0]


def flat(value: int, side: int = 32) -> Pixels:
    return np.full((side, side, 3), value, np.uint8)


def checks(side: int = 32) -> Pixels:
    """Black and white in turn, pixel by pixel."""
    rows, columns = np.indices((side, side))
    return np.repeat((255 * ((rows + columns) % 2)).astype(np.uint8)[..., None], 3, 2)


def test_every_change_has_a_level_here() -> None:
    assert set(LEVELS) == set(CHANGES)


@pytest.mark.parametrize("name", LEVELS)
def test_a_change_is_pure(name: str, face: Pixels) -> None:
    """Of the same size and type, the same every time, and its argument is left as it was."""
    before = face.copy()
    first, second = CHANGES[name](face, LEVELS[name]), CHANGES[name](face.copy(), LEVELS[name])
    assert first.shape == face.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert np.array_equal(face, before)
    assert np.array_equal(first, face) == (name == "clean")


@pytest.mark.parametrize("name", IDENTITIES)
def test_the_identity_gives_the_very_picture(name: str, face: Pixels) -> None:
    assert np.array_equal(CHANGES[name](face, IDENTITIES[name]), face)


@pytest.mark.parametrize("name", ["jpeg", "webp", "blur", "resize", "crop", "screenshot"])
def test_a_flat_picture_has_nothing_to_lose(name: str) -> None:
    assert np.abs(CHANGES[name](flat(128), LEVELS[name]).astype(int) - 128).max() <= 1


def test_jpeg_takes_libjpegs_tables_and_halves_the_chroma(face: Pixels) -> None:
    """At quality 50 the table is the standard's own (T.81, table K.1: 16 for the mean, 99 last), at 75 half of it."""
    for quality, mean, last in ((50, 16, 99), (75, 8, 50), (100, 1, 1)):
        picture = Image.open(io.BytesIO(jpeg_file(face, quality)))
        assert isinstance(picture, JpegImagePlugin.JpegImageFile)
        table = picture.quantization[0]
        assert (table[0], table[63]) == (mean, last)
        assert JpegImagePlugin.get_sampling(picture) == 2  # 4:2:0
        assert np.array_equal(np.asarray(picture), jpeg(face, quality))


@pytest.mark.parametrize("change", [jpeg, webp])
def test_a_lower_quality_loses_more(change: object, face: Pixels) -> None:
    losses = [np.abs(change(face, q).astype(int) - face).mean() for q in (90, 50, 10)]  # type: ignore[operator]
    assert 0 < losses[0] < losses[1] < losses[2]


def test_blur_spreads_a_point_by_its_sigma() -> None:
    point = np.zeros((65, 65, 3), np.uint8)
    point[28:37, 28:37] = 255  # a square: of one pixel, little would be left after rounding
    place = np.arange(65) - 32

    def variance(pixels: Pixels) -> float:
        profile = pixels[..., 0].astype(float).sum(0)
        return float((profile * place**2).sum() / profile.sum())

    assert variance(point) == pytest.approx((9**2 - 1) / 12)
    for sigma in (1.0, 2.0, 4.0):
        assert variance(blur(point, sigma)) - variance(point) == pytest.approx(sigma**2, rel=0.1)


def test_noise_has_its_sigma_and_its_channels_are_their_own() -> None:
    grain = noise(flat(128, 128), 10.0).astype(float) - 128
    assert grain.std() == pytest.approx(np.sqrt(100 + 1 / 12), rel=0.02)  # rounding adds a twelfth
    assert abs(grain.mean()) < 0.2
    assert np.abs(np.corrcoef(grain.reshape(-1, 3).T) - np.eye(3)).max() < 0.03


def test_noise_depends_on_the_picture_alone_and_only_its_strength_on_the_level(face: Pixels) -> None:
    weak, strong = (noise(flat(128, 64), sigma).astype(float) - 128 for sigma in (4.0, 8.0))
    assert np.abs(strong - 2 * weak).max() <= 2  # twice a half, and a half, of rounding
    other = flat(128, 64)
    other[0, 0, 0] = 127
    assert abs(np.corrcoef((noise(other, 8.0).astype(float) - other).ravel(), strong.ravel())[0, 1]) < 0.05
    assert noise(flat(255), 8.0).max() == 255  # cut, and not begun anew from 0


def test_resize_down_loses_what_is_finer(face: Pixels) -> None:
    half = resize(checks(), 0.5)
    assert np.abs(half[4:-4, 4:-4].astype(int) - 127).max() <= 1  # a filter took the mean, no pixel was picked
    assert np.array_equal(resize(flat(7), 0.25), flat(7))
    small = np.asarray(Image.fromarray(face).resize((16, 16), Image.Resampling.BILINEAR))
    back = np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.BILINEAR))
    assert np.array_equal(resize(face, 0.25), back)


def test_crop_keeps_the_middle() -> None:
    framed = flat(0, 40)
    framed[10:30, 10:30] = 200
    assert np.array_equal(crop(framed, 0.5), flat(200, 40))
    assert (crop(framed, 0.75) == 0).mean() > 0.2  # 30 of 40 pixels: the frame is still there
    ramp = np.repeat(np.repeat(np.arange(40, dtype=np.uint8)[None, :, None], 40, 0), 3, 2)
    assert crop(ramp, 0.5).min() == 10
    assert crop(ramp, 0.5).max() == 29


def test_brightness_multiplies_and_cuts() -> None:
    picture = np.array([[[0, 10, 99], [100, 200, 255]]], np.uint8)
    assert brightness(picture, 0.5).tolist() == [[[0, 5, 50], [50, 100, 128]]]
    assert brightness(picture, 1.5).tolist() == [[[0, 15, 148], [150, 255, 255]]]


def test_a_screenshot_is_resized_encoded_at_75_and_resized_back(
    face: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spied(pixels: Pixels, quality: float) -> Pixels:
        seen.append((pixels, quality))
        return jpeg(pixels, quality)

    monkeypatch.setattr("unseen.robustness.changes.jpeg", spied)
    found = screenshot(face, 1.37)
    ((shown, quality),) = seen
    assert quality == 75
    assert shown.shape == (88, 88, 3)  # 64 x 1.37 = 87.7
    assert np.array_equal(shown, np.asarray(Image.fromarray(face).resize((88, 88), Image.Resampling.BILINEAR)))
    back = Image.fromarray(jpeg(shown, 75)).resize((64, 64), Image.Resampling.BILINEAR)
    assert np.array_equal(found, np.asarray(back))
