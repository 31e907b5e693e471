"""Training augmentation: what it does happens, and happens the same way for the same generator."""

import colorsys
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from faces_for_training import OrlFaces
from unseen.core.runtime import generator
from unseen.data.pictures import Pixels
from unseen.detectors.shared.augment import DRAWS, augment, augmented, random_numbers
from unseen.detectors.shared.augment import _rescaled as rescaled
from unseen.detectors.shared.settings import AugmentSettings


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


OFF = 0.999
"""A draw at which nothing with a probability below one happens."""


def one(picture: Pixels, settings: AugmentSettings, **named: float) -> Pixels:
    """A picture, changed by the draws that are named; by nothing else, and not mirrored."""
    draw = [OFF] * DRAWS
    for name, value in named.items():
        draw[NAMES.index(name)] = value
    return augmented(picture, draw, settings)


FIRST = ["flip", "turn", "turns", "jitter", "light", "contrast", "colour", "hue", "resize", "smaller"]
NAMES = [
    *FIRST,
    "blur",
    "sigma",
    "noise",
    "noise_sigma",
    "grains",
    "jpeg",
    "quality",
    "cutout",
    "side",
    "left",
    "top",
    "move",
    "angle",
    "right",
    "down",
]


def plain(value: int = 100, size: int = 32) -> Pixels:
    return np.full((size, size, 3), value, np.uint8)


def changed_share(pictures: Pixels, **changed: float) -> float:
    out = unflipped(augment(pictures, knobs(**changed), generator(1)), pictures)
    return float((out != pictures).any((1, 2, 3)).mean())


@pytest.mark.parametrize("name", ["turn", "move", "jitter", "resize", "blur", "noise", "jpeg", "cutout"])
def test_a_change_comes_with_its_probability_and_never_unasked(orl_faces: OrlFaces, name: str) -> None:
    # of 120 pictures at 0.4: five standard deviations are 0.22
    assert changed_share(orl_faces.small, **{name: 0.4}) == pytest.approx(0.4, abs=0.22)
    assert changed_share(orl_faces.small, **{name: 1.0}) > 0.85, "all but draws of almost nothing"
    assert changed_share(orl_faces.small) == 0.0


def test_there_are_as_many_draws_as_decisions() -> None:
    assert len(NAMES) == DRAWS


@pytest.mark.parametrize(("turns", "quarters"), [(0.0, 1), (0.5, 2), (0.99, 3)])
def test_a_turn_is_by_one_two_or_three_quarters(orl_faces: OrlFaces, turns: float, quarters: int) -> None:
    face = orl_faces.small[0]
    assert np.array_equal(one(face, knobs(turn=0.5), turn=0.1, turns=turns), np.rot90(face, quarters))


@pytest.mark.parametrize(("light", "value"), [(0.0, 80), (0.5, 100), (1.0, 120)])
def test_brightness_changes_by_its_strength(light: float, value: int) -> None:
    settings = knobs(jitter=1.0, jitter_strength=0.2)
    found = one(plain(), settings, light=light, contrast=0.5, colour=0.5, hue=0.5)
    assert np.abs(found.astype(int) - value).max() <= 1


def test_contrast_changes_by_its_strength_around_the_mean() -> None:
    halves = plain(50)
    halves[:16] = 150
    for contrast, distance in ((0.0, 60), (1.0, 140)):
        found = one(halves, knobs(jitter=1.0, jitter_strength=0.4), light=0.5, contrast=contrast, colour=0.5, hue=0.5)
        assert abs(float(found[0, 0, 0]) - float(found[-1, 0, 0]) - distance) <= 2
        assert found.mean() == pytest.approx(100, abs=2)


def test_saturation_changes_by_its_strength() -> None:
    coloured = plain()
    coloured[:] = 140, 100, 60
    for colour, spread in ((0.0, 40), (1.0, 120)):
        found = one(coloured, knobs(jitter=1.0, jitter_strength=0.5), light=0.5, contrast=0.5, colour=colour, hue=0.5)
        assert abs(int(found[0, 0, 0]) - int(found[0, 0, 2]) - spread) <= 3


@pytest.mark.parametrize(("hue", "degrees"), [(0.0, -36), (0.5, 0), (1.0, 36)])
def test_hue_changes_by_a_quarter_of_the_strength(hue: float, degrees: float) -> None:
    """0.4 of strength is 0.1 of the circle."""
    red = plain()
    red[:] = 200, 0, 0
    settings = knobs(jitter=1.0, jitter_strength=0.4)
    found = one(red, settings, light=0.5, contrast=0.5, colour=0.5, hue=hue)[0, 0] / 255
    turned = 360 * colorsys.rgb_to_hsv(*found)[0]
    assert (turned - degrees + 180) % 360 - 180 == pytest.approx(0, abs=2)


def test_a_resize_goes_down_to_its_size_and_back(orl_faces: OrlFaces) -> None:
    face, seen = orl_faces.small[0], []
    for smaller in (0.0, 0.5, 0.99):
        found = one(face, knobs(resize=1.0, resize_low=0.25), smaller=smaller)
        assert found.shape == face.shape
        small = round(32 * (0.25 + 0.75 * smaller))
        picture = Image.fromarray(face).resize((small, small), Image.Resampling.BILINEAR)
        assert np.array_equal(found, np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR)))
        seen.append(sharpness(found[None]))
    assert seen[0] < seen[1] <= seen[2]
    assert one(face, knobs(resize=1.0, resize_low=0.001), smaller=0.0).std((0, 1)).max() == 0, "one pixel at least"


@pytest.mark.parametrize(("drawn", "sigma"), [(0.0, 0.0), (0.5, 4.0), (0.99, 7.92)])
def test_noise_has_the_sigma_drawn(drawn: float, sigma: float) -> None:
    away = one(plain(128, 64), knobs(noise=1.0, noise_sigma=8.0), noise_sigma=drawn).astype(float) - 128
    assert away.mean() == pytest.approx(0, abs=0.4)
    rounding = 12**-0.5 if sigma else 0.0
    assert away.std() == pytest.approx(np.hypot(sigma, rounding), rel=0.03)
    if sigma:
        assert not np.array_equal(away[..., 0], away[..., 1]), "each colour has its own"


def test_noise_is_cut_at_black_and_white_and_depends_on_its_draw() -> None:
    strong = knobs(noise=1.0, noise_sigma=30.0)
    white, black = (one(plain(value), strong).astype(int) for value in (255, 0))
    assert white.min() > 80
    assert black.max() < 175
    assert not np.array_equal(*(one(plain(), strong, grains=grains) for grains in (0.1, 0.2)))


def test_cutout_is_one_grey_square_of_its_largest_side_at_most_within_the_picture() -> None:
    random = np.random.default_rng(1)
    sides = []
    for _ in range(200):
        draw = dict(zip(("side", "left", "top"), random.random(3), strict=True))
        grey = (one(plain(0), knobs(cutout=1.0, cutout_side=0.4), **draw) == 128).all(2)
        rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.any(0))
        side = len(rows)
        assert side == len(columns)
        assert grey.sum() == side * side, "a whole square"
        sides.append(side)
    assert max(sides) == 13, "0.4 of 32 pixels"
    assert np.mean(sides) == pytest.approx(6.4, abs=0.8)


@pytest.mark.parametrize(("place", "first"), [(0.0, 0), (1.0, 32 - 13)])
def test_cutout_reaches_the_edges(place: float, first: int) -> None:
    found = one(plain(0), knobs(cutout=1.0, cutout_side=0.4), side=1.0, left=place, top=place)
    assert np.flatnonzero((found == 128).all(2).any(0)).tolist() == list(range(first, first + 13))


def test_what_a_camera_does_comes_before_what_a_platform_does(orl_faces: OrlFaces) -> None:
    """Blur, then noise, then JPEG, then the square, which stays grey to the bit."""
    face = orl_faces.small[0]
    both = {"noise_sigma": 0.9, "grains": 0.3}
    noisy = knobs(blur=1.0, blur_sigma=2.0, noise=1.0, noise_sigma=20.0)
    blurred = one(face, knobs(blur=1.0, blur_sigma=2.0))
    assert np.array_equal(one(face, noisy, **both), one(blurred, knobs(noise=1.0, noise_sigma=20.0), **both))
    pressed = knobs(noise=1.0, noise_sigma=20.0, jpeg=1.0, jpeg_low=40)
    noise_first = one(
        one(face, knobs(noise=1.0, noise_sigma=20.0), **both), knobs(jpeg=1.0, jpeg_low=40), quality=0.0
    )
    assert np.array_equal(one(face, pressed, quality=0.0, **both), noise_first)
    last = one(
        face, knobs(jpeg=1.0, jpeg_low=10, cutout=1.0, cutout_side=0.5), quality=0.0, side=1.0, left=0.0, top=0.0
    )
    assert (last[:16, :16] == 128).all()


@pytest.mark.parametrize(("quality", "expected"), [(0.0, 40), (0.5, 68), (0.9999, 95)])
def test_jpeg_quality_is_drawn_evenly_up_to_95(orl_faces: OrlFaces, quality: float, expected: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(orl_faces.small[0]).save(buffer, "JPEG", quality=expected, subsampling="4:2:0")
    found = one(orl_faces.small[0], knobs(jpeg=1.0, jpeg_low=40), quality=quality)
    assert np.array_equal(found, np.asarray(Image.open(buffer)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn": 1.1},
        {"jitter_strength": -0.1},
        {"resize_low": 0.0},
        {"noise_sigma": 65},
        {"cutout_side": 2},
        {"hue": 1},
    ],
)
def test_knobs_out_of_range_or_unknown_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        knobs(**wrong)


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


def coarse(side: int = 32, seed: int = 0) -> Pixels:
    """A picture of soft colours between 60 and 195, so that nothing is cut at black or white."""
    small = np.random.default_rng(seed).integers(60, 196, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BILINEAR))


def by_kernel(pixels: Pixels, name: str, factor: float, left: float = 0.0, top: float = 0.0) -> Pixels:
    """What `rescale` should leave."""
    side, kernel = len(pixels), Image.Resampling[name]
    other = Image.fromarray(pixels).resize((round(side * factor),) * 2, kernel)
    if factor < 1:
        return np.asarray(other.resize((side, side), kernel))
    corner = round(left * (other.width - side)), round(top * (other.width - side))
    return np.asarray(other)[corner[1] : corner[1] + side, corner[0] : corner[0] + side]


@pytest.mark.parametrize("number", range(6))
def test_a_rescale_is_by_one_of_six_kernels_down_and_back_or_up_and_cropped(number: int) -> None:
    name = ["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"][number]
    picture, settings = Image.fromarray(coarse()), knobs(rescale=1.0)
    chosen = (number + 0.5) / 6
    down = np.asarray(rescaled(picture, [chosen, 0.1, 0.5, 0.3, 0.9], settings))
    assert np.array_equal(down, by_kernel(coarse(), name, 0.6)), "half way from 0.2 to 1"
    up = np.asarray(rescaled(picture, [chosen, 0.6, 0.8, 0.3, 0.9], settings))
    assert np.array_equal(up, by_kernel(coarse(), name, 3.0, 0.3, 0.9)), "0.8 of the way from 1 to 3.5"
    least = rescaled(picture, [chosen, 0.1, 0.0, 0.0, 0.0], knobs(rescale=1.0, rescale_low=0.001))
    assert np.ptp(np.asarray(least), axis=(0, 1)).max() == 0, "one pixel at least"


def test_a_rescale_comes_with_its_probability_and_half_of_them_enlarge(orl_faces: OrlFaces) -> None:
    assert changed_share(orl_faces.small, rescale=0.4) == pytest.approx(0.4, abs=0.22)
    assert changed_share(orl_faces.small, rescale=1.0) > 0.9
    many = np.repeat(coarse()[None], 200, axis=0)
    spread = np.ptp(unflipped(augment(many, knobs(rescale=1.0, rescale_low=0.99), generator(3)), many), axis=(1, 2))
    enlarged = (spread.max(1) < np.ptp(coarse(), axis=(0, 1)).max() - 8).mean()
    assert 0.2 < enlarged < 0.6, "a crop of it has less of its contrast; a reduction by 0.99 does not"


@pytest.mark.parametrize("quality", [30, 95])
def test_webp_is_the_share_of_the_compressions_that_was_asked_for(orl_faces: OrlFaces, quality: int) -> None:
    face, always = orl_faces.small[0], {"jpeg": 1.0, "jpeg_low": quality}
    found = {}
    for share in (0.0, 1.0):
        found[share] = one(face, knobs(**always, webp=share), quality=0.0)
        buffer = io.BytesIO()
        options = {"subsampling": "4:2:0"} if not share else {}
        Image.fromarray(face).save(buffer, "WEBP" if share else "JPEG", quality=quality, **options)
        assert np.array_equal(found[share], np.asarray(Image.open(buffer)))
    many = np.repeat(face[None], 200, axis=0)
    out = unflipped(augment(many, knobs(jpeg=1.0, jpeg_low=95, webp=0.25), generator(1)), many)
    jpegs = augment(many, knobs(jpeg=1.0, jpeg_low=95), generator(1))
    differ = (out != unflipped(jpegs, many)).any((1, 2, 3)).mean()
    assert differ == pytest.approx(0.25, abs=0.16)
    assert np.array_equal(one(face, knobs(webp=1.0)), face), "none without compression"


EVERY = {
    "turn": {},
    "move": {},
    "jitter": {},
    "resize": {},
    "rescale": {},
    "blur": {},
    "noise": {"noise_sigma": 16.0},
    "jpeg": {"jpeg_low": 60},
    "webp": {"jpeg": 1.0, "jpeg_low": 60},
    "cutout": {},
}
"""Every change, with knobs that make it visible."""


def test_this_list_has_every_change() -> None:
    shares = {name for name, field in AugmentSettings.model_fields.items() if "probability" in str(field.description)}
    assert shares | {"webp"} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_pair_gets_one_random_state_for_every_change(name: str) -> None:
    """The same row of numbers gives the same change, and what was drawn for one picture depends on no other."""
    settings = knobs(**{name: 1.0, **EVERY[name]})
    rows = random_numbers(40, generator(5))
    first, again = ([augmented(coarse(), row, settings) for row in rows] for _ in range(2))
    assert np.array_equal(first, again)
    assert len({picture.tobytes() for picture in first}) >= (6 if name == "turn" else 20), "rows differ"
    brighter = [augmented(coarse() + 20, row, settings).astype(int) for row in rows]
    if name not in ("jitter", "cutout", "jpeg", "webp"):
        away = np.abs(np.stack(brighter) - np.stack(first) - 20)
        assert away.max() <= 1, "a picture that is 20 brighter stays so, pixel by pixel"


@pytest.mark.parametrize("name", [name for name in EVERY if name != "cutout"])
def test_every_change_rounds_and_does_not_truncate(name: str) -> None:
    """Truncation darkens by half a grey level on average, which is how a fake that passes through more steps can be
    told from its real."""
    settings = knobs(**{name: 1.0, **EVERY[name]} | ({"jitter_strength": 0.05} if name == "jitter" else {}))
    if name == "rescale":
        settings = knobs(rescale=1.0, rescale_high=1.0)  # a crop has another mean
    wide = np.pad(coarse(64), ((0, 64), (0, 64), (0, 0)), mode="symmetric")
    rows = random_numbers(60, generator(6))
    if name == "jitter":  # as many brighter as darker ones
        rows = [[*row[:4], *(side(value) for value in row[4:8]), *row[8:]] for row in rows for side in (float, other)]
    drift = np.mean([augmented(wide, row, settings).astype(float).mean() - wide.mean() for row in rows])
    assert abs(drift) < 0.25


def other(draw: float) -> float:
    return 1 - draw
