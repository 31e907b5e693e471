"""PIL images become the same pixels as files with the same content."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from unseen.faces.decode import BadPictureError, decode
from unseen.serve.inputs import load_picture, name_of

LIMIT = 10**6
RGB = np.random.default_rng(3).integers(0, 256, (24, 30, 3), np.uint8)


def picture(mode: str) -> Image.Image:
    """A small picture with this mode."""
    image = Image.fromarray(RGB)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(RGB[:, :, 1]))
    if mode == "I;16":
        return Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257)
    return image.convert(mode)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        *((mode, "PNG", {}) for mode in ("RGB", "L", "P", "1", "RGBA", "LA", "I;16")),
        ("RGB", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("CMYK", "TIFF", {}),
        ("YCbCr", "TIFF", {}),
        ("P", "GIF", {"transparency": 3}),
        ("P", "PNG", {"transparency": 3}),
        ("RGB", "PNG", {"transparency": tuple(int(value) for value in RGB[0, 0])}),
        *(("RGB", "JPEG", {"exif": turned(orientation)}) for orientation in range(1, 9)),
        ("RGBA", "PNG", {"exif": turned(6)}),
        ("L", "WEBP", {"lossless": True, "exif": turned(3)}),
        ("RGB", "JPEG", {"icc_profile": profile()}),
        ("CMYK", "JPEG", {"icc_profile": profile()}),  # of another mode, so it can't be applied
        ("RGBA", "PNG", {"icc_profile": profile(), "exif": turned(8)}),
    ],
)
def test_an_image_is_decoded_like_its_file(mode: str, kind: str, options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind, **options)
    file = decode(buffer.getvalue(), LIMIT)
    image = load_picture(Image.open(io.BytesIO(buffer.getvalue())), LIMIT).picture
    assert (image.mode, image.size) == ("RGB", file.size)
    assert np.array_equal(np.asarray(image), np.asarray(file))


@pytest.mark.parametrize("mode", ["RGBa", "La", "RGBX", "HSV"])
def test_modes_that_no_file_has(mode: str) -> None:
    image = picture("RGBA" if mode == "RGBa" else "LA" if mode == "La" else "RGB").convert(mode)
    assert load_picture(image, LIMIT).picture.size == (30, 24)
    assert load_picture(image, LIMIT).picture.mode == "RGB"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("F", (4, 4)), "unsupported_mode"),
        (Image.new("I", (4, 4)), "unsupported_mode"),
        (Image.new("RGB", (1001, 1000)), "too_large"),
        (Image.new("RGB", (0, 4)), "empty"),
    ],
)
def test_an_image_that_has_no_meaning(image: Image.Image, reason: str) -> None:
    with pytest.raises(BadPictureError) as caught:
        load_picture(image, LIMIT)
    assert caught.value.reason == reason


def test_an_animation_and_a_damaged_file() -> None:
    buffer = io.BytesIO()
    picture("RGB").save(buffer, "GIF", save_all=True, append_images=[picture("L")])
    with pytest.raises(BadPictureError, match="animated"):
        load_picture(Image.open(buffer), LIMIT)
    buffer = io.BytesIO()
    picture("RGB").save(buffer, "JPEG")
    with pytest.raises(BadPictureError, match="damaged"):
        load_picture(Image.open(io.BytesIO(buffer.getvalue()[:700])), LIMIT)


def test_the_same_pixels_have_the_same_hash() -> None:
    image = Image.fromarray(RGB)
    assert (
        load_picture(image, LIMIT).sha256
        == load_picture(RGB, LIMIT).sha256
        == load_picture(RGB[::-1, ::-1][::-1, ::-1], LIMIT).sha256
    )
    assert load_picture(RGB, LIMIT).sha256 != load_picture(RGB[::-1], LIMIT).sha256
    assert load_picture(RGB, LIMIT).data is None


def test_names() -> None:
    assert name_of("a.jpg", 3) == "a.jpg"
    assert name_of(RGB, 3) == "picture 3"
