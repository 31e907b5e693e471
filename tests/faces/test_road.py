import ast
import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from unseen.faces import road
from unseen.faces.decode import BadPictureError
from unseen.faces.finder import Finder, Found
from unseen.faces.road import cut, difference_hash, encode, main_face, square_around, store, walk
from unseen.faces.settings import FaceSettings

CALM = ((30.0, 50.0), (60.0, 50.0), (45.0, 65.0), (33.0, 82.0), (57.0, 82.0))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def tables(jpeg: bytes) -> dict[int, list[int]]:
    """The quantisation tables of a JPEG, which are its quality."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert isinstance(picture, JpegImagePlugin.JpegImageFile)
        return picture.quantization


def quality(jpeg: bytes) -> int:
    """The quality that Pillow calls these tables."""
    for value in range(1, 101):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=value)
        if tables(buffer.getvalue()) == tables(jpeg):
            return value
    pytest.fail("no quality has these tables")


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_no_function_of_the_road_is_told_the_label() -> None:
    tree = ast.parse(Path(road.__file__).read_text())
    told = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert {"picture", "settings"} <= told
    assert not told & {"label", "generator", "source", "fake", "real", "name", "path"}


def test_a_crop_is_a_small_jpeg(portrait_bytes: bytes, finder: Finder, face_settings: FaceSettings) -> None:
    crop = walk(portrait_bytes, finder, face_settings, 4, "found")
    with Image.open(io.BytesIO(crop.jpeg)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (face_settings.size,) * 2)
        assert JpegImagePlugin.get_sampling(picture) == 2  # 4:2:0
        assert not picture.getexif()
        assert "icc_profile" not in picture.info
    assert crop.sha256 == hashlib.sha256(portrait_bytes).hexdigest()
    assert (crop.size, crop.several) == ((92, 112), False)
    assert face_settings.jpeg.low <= quality(crop.jpeg) <= face_settings.jpeg.high


@pytest.mark.parametrize("framing", ["found", "whole"])
def test_the_same_picture_gives_the_same_bytes(
    portrait_bytes: bytes, finder: Finder, finder_model: bytes, face_settings: FaceSettings, framing: road.Framing
) -> None:
    again = Finder(finder_model, face_settings.find)
    assert walk(portrait_bytes, finder, face_settings, 4, framing) == walk(
        portrait_bytes, again, face_settings, 4, framing
    )


def test_the_face_is_in_the_middle_of_its_crop(
    orl_pictures: dict[str, bytes], finder: Finder, face_settings: FaceSettings
) -> None:
    for data in list(orl_pictures.values())[:10]:
        jpeg = walk(data, finder, face_settings, 4, "found").jpeg
        (face,) = finder.find(Image.open(io.BytesIO(jpeg)).convert("RGB"))
        centre = np.mean(face.landmarks, axis=0) / face_settings.size
        np.testing.assert_allclose(centre, 0.5, atol=0.12)


def test_quality_depends_on_the_seed_and_the_hash_alone(portrait: Image.Image, face_settings: FaceSettings) -> None:
    jpeg, other = face_settings.jpeg, Image.new("RGB", (64, 64), "red")
    drawn = [quality(encode(other, digest(number), jpeg, 4)) for number in range(20)]
    assert drawn == [quality(encode(portrait, digest(number), jpeg, 4)) for number in range(20)]
    assert drawn != [quality(encode(portrait, digest(number), jpeg, 5)) for number in range(20)]


def test_quality_is_drawn_evenly(face_settings: FaceSettings) -> None:
    jpeg, pixel = face_settings.jpeg.model_copy(update={"low": 80, "high": 83}), Image.new("RGB", (8, 8))
    names = {
        str(tables(encode(pixel, digest(0), jpeg.model_copy(update={"low": q, "high": q}), 4))): q
        for q in range(80, 84)
    }
    drawn = Counter(names[str(tables(encode(pixel, digest(number), jpeg, 4)))] for number in range(2000))
    assert set(drawn) == {80, 81, 82, 83}
    assert min(drawn.values()) > 400


def test_the_square_follows_ffhq() -> None:
    x, y, side = square_around(Found((0, 0, 1, 1), CALM, 1.0), 1.0)
    assert x == pytest.approx(45)
    assert y == pytest.approx(50 + 0.35 * 32)
    assert side == pytest.approx(2 * 30)  # wider than 1.8 x 32
    assert square_around(Found((0, 0, 1, 1), CALM, 1.0), 1.5)[2] == pytest.approx(1.5 * side)


def test_a_face_in_profile_keeps_its_size() -> None:
    profile = ((44.0, 50.0), (46.0, 50.0), (45.0, 65.0), (44.0, 82.0), (46.0, 82.0))
    assert square_around(Found((0, 0, 1, 1), profile, 1.0), 1.0)[2] == pytest.approx(1.8 * 32)


def test_where_the_square_leaves_the_picture_its_edge_goes_on() -> None:
    values = np.zeros((40, 40, 3), np.uint8)
    values[:, :10], values[:, -10:] = (250, 0, 0), (0, 0, 250)
    found = np.asarray(cut(Image.fromarray(values), 20, 20, 120, 120), int)
    assert found.shape == (120, 120, 3)
    assert (found[:, :40] == (250, 0, 0)).all()
    assert (found[:, -40:] == (0, 0, 250)).all()
    assert (found[:, 55:65] == 0).all()


def test_a_square_inside_the_picture_is_only_cut() -> None:
    values = np.random.default_rng(4).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(Image.fromarray(values), 26, 26, 32, 32), values[10:42, 10:42])


def test_reduction_is_antialiased() -> None:
    """A checkerboard of single pixels becomes grey, and not a pattern."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    found = np.asarray(cut(Image.fromarray(np.repeat(board[..., None], 3, axis=2)), 128, 128, 256, 64), int)
    assert np.abs(found - 127).max() < 12


def test_a_whole_crop_is_not_resampled(portrait: Image.Image, finder: Finder, face_settings: FaceSettings) -> None:
    """What a generator drew is encoded once more, as a photo's crop is, and not moved by a fraction of a pixel."""
    size = face_settings.size
    drawn = cut(portrait, 46, 60, 80, size)
    crop = walk(png(drawn), finder, face_settings, 4, "whole")
    assert crop.jpeg == encode(drawn, crop.sha256, face_settings.jpeg, 4)
    stored = np.asarray(Image.open(io.BytesIO(crop.jpeg)), int)
    assert np.abs(stored - np.asarray(drawn, int)).mean() < 4
    assert crop.dhash == difference_hash(drawn)


def test_a_large_face_in_the_middle_is_the_portraits() -> None:
    def face(left: float, top: float, side: float) -> Found:
        return Found((left, top, left + side, top + side), CALM, 0.9)

    picture = Image.new("RGB", (400, 400))
    small, large, corner = face(180, 180, 40), face(150, 150, 100), face(0, 0, 100)
    assert main_face([small, large, corner], picture) is large
    assert main_face([corner, small, large], picture) is large
    assert main_face([corner, face(150, 150, 95)], picture) is not corner
    assert main_face([corner], picture) is corner


def test_of_two_people_the_larger_is_kept(portrait: Image.Image, finder: Finder, face_settings: FaceSettings) -> None:
    canvas = Image.new("RGB", (500, 320), "grey")
    canvas.paste(portrait, (20, 180))
    canvas.paste(portrait.resize((184, 224), Image.Resampling.BICUBIC), (200, 40))
    crop = walk(png(canvas), finder, face_settings, 4, "found")
    assert crop.several
    assert crop.face.box[0] > 190


@pytest.mark.parametrize("framing", ["found", "whole"])
def test_a_picture_without_a_face(finder: Finder, face_settings: FaceSettings, framing: road.Framing) -> None:
    with pytest.raises(BadPictureError, match="no_face"):
        walk(png(Image.new("RGB", (100, 100), "grey")), finder, face_settings, 4, framing)


def test_a_face_that_is_too_small(portrait: Image.Image, face_settings: FaceSettings) -> None:
    smallest = face_settings.min_crop / (square_around(Found((0, 0, 1, 1), CALM, 1.0), face_settings.scale)[2])
    for times, fits in ((smallest * 1.01, True), (smallest * 0.99, False)):
        face = Found((0, 0, 1, 1), tuple((x * times, y * times) for x, y in CALM), 0.9)
        if fits:
            assert store(portrait, face, digest(0), face_settings, 4)
        else:
            with pytest.raises(BadPictureError, match="too_small"):
                store(portrait, face, digest(0), face_settings, 4)


def test_a_difference_hash_says_where_brightness_rises() -> None:
    rising = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1)))
    assert difference_hash(rising) == "f" * 16
    assert difference_hash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == "0" * 16
    assert difference_hash(rising.resize((300, 300))) == "f" * 16


def test_the_first_problem_is_the_one_that_counts(finder: Finder, face_settings: FaceSettings) -> None:
    with pytest.raises(BadPictureError, match="not_an_image"):
        walk(b"no picture", finder, face_settings, 4, "found")
