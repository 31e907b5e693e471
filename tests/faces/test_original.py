"""What is kept of the original file."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from unseen.faces.original import jpeg_quality, original


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x010F] = "a camera"
    return found


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_the_quality_of_a_jpeg(portrait: Image.Image, subsampling: str, mode: str) -> None:
    for quality in range(30, 101, 5):
        found = original(encoded(portrait.convert(mode), "JPEG", quality=quality, subsampling=subsampling))
        assert (found["format"], found["mode"], found["quality"]) == ("JPEG", mode, str(quality))
        assert found["subsampling"] == (subsampling if mode == "RGB" else "other")


def test_every_quality_is_told_from_its_neighbours(portrait: Image.Image) -> None:
    small = portrait.convert("L").resize((8, 8))
    found = [int(original(encoded(small, "JPEG", quality=quality))["quality"]) for quality in range(1, 101)]
    assert found == list(range(1, 101))


def test_a_progressive_jpeg_has_a_quality_too(portrait: Image.Image) -> None:
    assert original(encoded(portrait, "JPEG", quality=83, progressive=True))["quality"] == "83"


@pytest.mark.parametrize(
    ("table", "lowest", "highest"),
    [([1] * 64, 100, 100), ([255] * 64, 1, 1), ([65535] * 64, 1, 1), ([8] * 64, 90, 94), ([99] * 64, 25, 35)],
)
def test_other_quantization_tables_have_the_nearest_quality(table: list[int], lowest: int, highest: int) -> None:
    assert lowest <= jpeg_quality({0: table}) <= highest
    assert jpeg_quality({0: table, 1: [1] * 64}) == jpeg_quality({1: table, 3: [1] * 64}) == jpeg_quality({0: table})


def test_a_file_with_tables_of_its_own(portrait: Image.Image) -> None:
    tables = [list(range(1, 65)), [7] * 64]
    found = original(encoded(portrait, "JPEG", qtables=tables, subsampling="4:2:0"))
    assert 65 <= int(found["quality"]) <= 75
    assert found["subsampling"] == "4:2:0"


def test_a_grey_jpeg_has_no_subsampling_that_has_a_name(portrait: Image.Image) -> None:
    assert original(encoded(portrait.convert("L"), "JPEG"))["subsampling"] == "other"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_other_formats_have_no_quality(portrait: Image.Image, kind: str) -> None:
    data = encoded(portrait, kind)
    mode = "P" if kind == "GIF" else "RGB"
    assert original(data) == {"format": kind, "mode": mode, "bytes": str(len(data)), "exif": "no", "profile": "no"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_is_seen(portrait: Image.Image, kind: str) -> None:
    found = original(encoded(portrait, kind, exif=exif()))
    assert (found["exif"], found["profile"]) == ("yes", "no")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_profile_is_seen(portrait: Image.Image, kind: str) -> None:
    found = original(encoded(portrait, kind, icc_profile=profile()))
    assert (found["exif"], found["profile"]) == ("no", "yes")


def test_the_first_picture_of_a_phone_is_a_jpeg(portrait: Image.Image) -> None:
    found = original(encoded(portrait, "MPO", save_all=True, append_images=[portrait], quality=85))
    assert (found["format"], found["quality"]) == ("MPO", "85")


def test_the_mode_is_the_files_and_not_the_crops() -> None:
    grey = Image.fromarray(np.zeros((8, 8), np.uint8))
    assert original(encoded(grey, "PNG"))["mode"] == "L"
    assert original(encoded(grey.convert("RGBA"), "PNG"))["mode"] == "RGBA"
    assert original(encoded(grey.convert("CMYK"), "JPEG"))["mode"] == "CMYK"
