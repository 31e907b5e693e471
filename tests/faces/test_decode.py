import contextlib
import io
import pickle
import random
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from unseen.faces.decode import BadPictureError, decode

LIMIT = 1_000_000


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def reason(data: bytes, max_pixels: int = LIMIT) -> str:
    with pytest.raises(BadPictureError) as caught:
        decode(data, max_pixels)
    return caught.value.reason


def colour(data: bytes) -> tuple[int, ...]:
    """The colour of the middle pixel once decoded."""
    picture = decode(data, LIMIT)
    assert picture.mode == "RGB"
    return tuple(np.asarray(picture)[picture.height // 2, picture.width // 2].tolist())


def corners(width: int = 64, height: int = 96) -> Image.Image:
    """A picture that is not the same in any other orientation."""
    values = np.full((height, width, 3), 128, np.uint8)
    values[: height // 2, : width // 2] = (250, 0, 0)
    values[: height // 2, width // 2 :] = (0, 250, 0)
    values[height // 2 :, : width // 2] = (0, 0, 250)
    return Image.fromarray(values)


def rgb_profile() -> bytes:
    """An ICC profile in which red is called blue and blue red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"swap").replace(b"bXYZ", b"rXYZ").replace(b"swap", b"bXYZ")


def cmyk_profile() -> bytes:
    """An ICC profile by which cyan ink is black and the other inks can't be seen."""
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table += 4 * ramp + 8 * bytes([255, 128, 128]) + 8 * bytes([0, 128, 128]) + 3 * ramp  # Lab, by cyan
    table += bytes(-len(table) % 4)
    texts = [b"text" + bytes(4) + b"none", b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78 + 6)]
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    parts = [(b"A2B0", table), (b"cprt", texts[0]), (b"desc", texts[1]), (b"wtpt", white)]
    offset, index, body = 128 + 4 + 12 * len(parts), b"", b""
    for name, part in parts:
        index += name + struct.pack(">II", offset + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    header = struct.pack(">I", offset + len(body)) + bytes(4) + bytes([2, 0x40, 0, 0]) + b"prtrCMYKLab "
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + struct.pack(">I", len(parts)) + index + body


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_avif_and_heic_are_read(portrait: Image.Image, kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    data = encoded(portrait, kind, quality=95)
    assert np.abs(np.asarray(decode(data, LIMIT), int) - np.asarray(portrait, int)).mean() < 4
    assert reason(data, portrait.width * portrait.height - 1) == "too_large"
    assert colour(encoded(Image.new("RGBA", (16, 16), (200, 0, 0, 0)), kind)) == (255, 255, 255)


def test_a_sequence_is_an_animation_and_the_other_pictures_of_a_phone_are_not(portrait: Image.Image) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    others = [Image.new("RGB", portrait.size, "white")]
    assert reason(encoded(portrait, "AVIF", save_all=True, append_images=others)) == "animated"
    several = encoded(portrait, "HEIF", save_all=True, append_images=others, primary_index=0, quality=95)
    assert np.abs(np.asarray(decode(several, LIMIT), int) - np.asarray(portrait, int)).mean() < 4


def test_heic_without_its_reader_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for brands in (b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heix", b"msf1\0\0\0\0hevc"):
        data = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(100)
        with pytest.raises(BadPictureError, match=r"^unsupported_format: HEIC .* `pip install -e '\.\[heic\]'`$"):
            decode(data, LIMIT)


def test_avif_without_its_reader_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    data = struct.pack(">I", 24) + b"ftypmif1" + bytes(4) + b"mif1avif" + bytes(100)
    with pytest.raises(BadPictureError, match=r"^unsupported_format: AVIF needs Pillow 11\.3 or later"):
        decode(data, LIMIT)


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"), (b"\0\0\0\x0cjP  \r\n", "JPEG 2000")],
)
def test_formats_that_are_not_read_are_named(start: bytes, name: str) -> None:
    with pytest.raises(BadPictureError, match=f"^unsupported_format: {name} is not supported; convert it to PNG$"):
        decode(start + bytes(100), LIMIT)


def test_no_reader_of_heic_is_loaded_for_other_pictures() -> None:
    code = "import sys, unseen.faces.decode as d; d.decode(sys.stdin.buffer.read(), 10**6); print(*sys.modules)"
    jpeg = encoded(corners(), "JPEG")
    said = subprocess.run([sys.executable, "-c", code], input=jpeg, capture_output=True, check=True).stdout.decode()
    assert "pillow_heif" not in said.split()


def test_a_file_without_bytes_is_empty() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize(
    "data", [b"\0", b"hello, I am a text", b"%PDF-1.7 ...", b"<svg></svg>", b"GIF89a", b"\xff\xd8\xff"]
)
def test_other_files_are_not_an_image(data: bytes) -> None:
    with pytest.raises(BadPictureError, match=r"^not_an_image: no known image format \(\w+Error\)$"):
        decode(data, LIMIT)


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX", "TGA"])
def test_formats_that_photos_do_not_have_are_refused(kind: str) -> None:
    assert reason(encoded(corners(), kind)) == "not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_a_truncated_picture_is_damaged(portrait: Image.Image, kind: str) -> None:
    data = encoded(portrait, kind)
    assert reason(data[: len(data) // 2]) in ("damaged", "not_an_image")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "GIF", "WEBP"])
def test_every_format_gives_the_same_pixels(portrait: Image.Image, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(encoded(portrait, kind, **options), LIMIT), portrait)


def test_one_pixel_is_a_picture() -> None:
    picture = decode(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"), LIMIT)
    assert (picture.size, picture.mode, picture.getpixel((0, 0))) == ((1, 1), "RGB", (1, 2, 3))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_become_rgb(mode: str) -> None:
    assert colour(encoded(Image.new("L", (8, 8), 255).convert(mode), "PNG")) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_and_not_clipped(kind: str) -> None:
    values = np.repeat(np.array([0, 1, 257 * 100, 257 * 200, 65535], np.uint16)[None], 4, axis=0)
    picture = decode(encoded(Image.fromarray(values), kind), LIMIT)
    assert np.asarray(picture)[0].tolist() == [[value] * 3 for value in (0, 0, 100, 200, 255)]


def grey_tiff(
    bits: int, data: bytes, signed: bool = False, zero_is_black: bool = True, orientation: int = 1
) -> bytes:
    """A TIFF file of four grey pixels in a row, as cameras and scanners write them."""
    tags = {256: 4, 257: 1, 258: bits, 259: 1, 262: int(zero_is_black), 273: 0, 274: orientation, 277: 1, 278: 1}
    tags |= {279: len(data), 339: 2 if signed else 1}
    tags[273] = 8 + 2 + 12 * len(tags) + 4  # the pixels lie behind the tags
    listed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + listed + bytes(4) + data


def test_the_tiff_of_these_tests_is_one() -> None:
    assert np.asarray(decode(grey_tiff(8, bytes([0, 100, 200, 255])), LIMIT))[0, :, 0].tolist() == [0, 100, 200, 255]


def test_twelve_bits_are_scaled_by_their_own_range() -> None:
    """0, 2048, 4095 and 1024 of 4095: 0, 127.5, 255 and 63.8 of 255."""
    data = bytes([0x00, 0x08, 0x00, 0xFF, 0xF4, 0x00])
    assert np.asarray(decode(grey_tiff(12, data), LIMIT))[0, :, 0].tolist() == [0, 128, 255, 64]


def test_a_plain_file_of_ten_bits_is_scaled_by_its_own_range() -> None:
    data = b"P5 4 1 1023 " + struct.pack(">4H", 0, 341, 682, 1023)
    assert np.asarray(decode(data, LIMIT))[0, :, 0].tolist() == [0, 85, 170, 255]


def test_deep_grey_comes_upright() -> None:
    data = struct.pack("<4H", 0, 257 * 100, 257 * 200, 65535)
    assert np.asarray(decode(grey_tiff(16, data, orientation=2), LIMIT))[0, :, 0].tolist() == [255, 200, 100, 0]
    assert decode(grey_tiff(16, data, orientation=6), LIMIT).size == (1, 4)


@pytest.mark.parametrize(
    ("bits", "code", "signed"), [(32, "I", False), (32, "i", True), (16, "h", True)], ids=["u32", "i32", "i16"]
)
def test_grey_whose_range_nobody_knows_is_refused_and_not_clipped(bits: int, code: str, signed: bool) -> None:
    """Four pixels of some programs are 0 to 255 in 32 bits, of others 0 to 65535, of others the whole range."""
    data = struct.pack(f"<4{code}", 0, 100, 255, 32767)
    with pytest.raises(BadPictureError, match=f"^unsupported_mode: grey of {bits} bits, .* has no agreed range$"):
        decode(grey_tiff(bits, data, signed), LIMIT)


def test_deep_grey_in_which_zero_is_white_is_refused_and_not_a_negative() -> None:
    assert reason(grey_tiff(16, struct.pack("<4H", 0, 1, 2, 3), zero_is_black=False)) == "unsupported_mode"
    assert np.asarray(decode(grey_tiff(8, bytes([0, 100, 200, 255]), zero_is_black=False), LIMIT))[0, 0, 0] == 255


def test_floats_have_no_range() -> None:
    assert reason(encoded(Image.new("F", (8, 8), 0.5), "TIFF")) == "unsupported_mode"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_shows_through_is_white(kind: str) -> None:
    assert colour(encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 0)), kind)) == (255, 255, 255)


def test_half_of_the_colour_shows() -> None:
    assert colour(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 128)), "PNG")) == (255, 127, 127)
    assert colour(encoded(Image.new("LA", (8, 8), (0, 128)), "PNG")) == (127, 127, 127)


def test_a_palette_may_be_transparent() -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 200, 10, 10])
    assert colour(encoded(picture, "PNG")) == (200, 10, 10)
    assert colour(encoded(picture, "PNG", transparency=1)) == (255, 255, 255)
    assert colour(encoded(picture, "PNG", transparency=bytes([255, 128]))) == (227, 132, 132)
    assert colour(encoded(picture, "GIF", transparency=1)) == (255, 255, 255)


def test_cmyk_without_a_profile() -> None:
    inks = Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK")
    assert colour(encoded(inks, "TIFF")) == (200, 40, 40)
    assert np.abs(np.subtract(colour(encoded(inks, "JPEG", quality=95)), (200, 40, 40))).max() <= 3


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_with_a_profile(kind: str) -> None:
    inks = Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK")
    red, green, blue = colour(encoded(inks, kind, icc_profile=cmyk_profile()))
    assert 185 < red < 205  # 55 of 255 cyan; as plain CMYK it is (200, 40, 40)
    assert max(red, green, blue) - min(red, green, blue) <= 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_profile_is_applied(kind: str) -> None:
    red, green, blue = colour(encoded(Image.new("RGB", (16, 16), (250, 0, 0)), kind, icc_profile=rgb_profile()))
    assert red < 10
    assert green < 10
    assert blue > 240


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_profile_is_applied_to_every_kind_of_colour(mode: str) -> None:
    opaque = Image.new("RGB", (16, 16), (250, 0, 0))
    picture = opaque.quantize(2) if mode == "P" else opaque.convert(mode)
    red, green, blue = colour(encoded(picture, "PNG", icc_profile=rgb_profile()))
    assert red < 10
    assert green < 10
    assert blue > 240


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P"])
@pytest.mark.parametrize("profile", [b"broken", rgb_profile()[:200], rgb_profile()[:-400], cmyk_profile()])
def test_a_profile_that_does_not_fit_loses_no_picture(mode: str, profile: bytes) -> None:
    grey = Image.new("RGB", (16, 16), (90, 90, 90))
    picture = grey.quantize(2) if mode == "P" else grey.convert(mode)
    found = colour(encoded(picture, "TIFF", icc_profile=profile))
    if (mode, profile) != ("CMYK", cmyk_profile()):
        assert found == (90, 90, 90)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_come_upright(orientation: int, kind: str) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = corners()
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(stored, kind, exif=exif.tobytes()), LIMIT)
    assert found.size == upright.size
    assert np.abs(np.asarray(found, int) - np.asarray(upright, int)).mean() < 8


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded(corners(), "PNG", exif=exif.tobytes()), LIMIT).size == (64, 96)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_broken_exif_loses_no_picture(exif: bytes) -> None:
    assert decode(encoded(corners(), "JPEG", exif=exif), LIMIT).size == (64, 96)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_are_refused(kind: str) -> None:
    frames = [corners(), Image.new("RGB", (64, 96), "white")]
    assert reason(encoded(frames[0], kind, save_all=True, append_images=frames[1:])) == "animated"


def test_the_first_picture_of_a_phone_is_the_photo() -> None:
    """MPO: a JPEG with a preview or a depth map behind it."""
    found = decode(encoded(corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))]), LIMIT)
    assert found.size == (64, 96)


def bombs() -> dict[str, bytes]:
    """A few bytes that say they are 100,000 x 100,000 pixels."""
    header = struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(bytes(10**6))
    png += struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    bmp = b"BM" + struct.pack("<3I", 54, 0, 54) + struct.pack("<I2i2H6I", 40, 100_000, 100_000, 1, 24, *[0] * 6)
    return {"png": png, "ppm": b"P6 100000 100000 255\n", "bmp": bmp}


@pytest.mark.parametrize("kind", ["png", "ppm", "bmp"])
def test_a_bomb_is_refused_before_it_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: ImageFile.ImageFile) -> None:
        pytest.fail("the bomb was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    start = time.monotonic()
    assert reason(bombs()[kind], 100_000_000) == "too_large"
    assert time.monotonic() - start < 1


def test_the_limit_itself_is_allowed() -> None:
    data = encoded(Image.new("RGB", (100, 50)), "PNG")
    assert decode(data, 5000).size == (100, 50)
    assert reason(data, 4999) == "too_large"


def test_the_reason_is_counted_by_and_the_detail_is_one_line() -> None:
    with pytest.raises(BadPictureError, match="too_large: 100x50 is above 10 pixels") as caught:
        decode(encoded(Image.new("RGB", (100, 50)), "PNG"), 10)
    assert caught.value.detail == "100x50 is above 10 pixels"


def test_the_reason_comes_from_another_process_as_it_was() -> None:
    bad = pickle.loads(pickle.dumps(BadPictureError("too_large", "100x50 is above 10 pixels")))
    assert isinstance(bad, BadPictureError)
    assert (bad.reason, bad.detail) == ("too_large", "100x50 is above 10 pixels")
    assert str(bad) == "too_large: 100x50 is above 10 pixels"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "WEBP", "MPO"])
@pytest.mark.filterwarnings("ignore")
def test_wherever_a_file_of_two_pictures_breaks(kind: str) -> None:
    small = corners(12, 10)
    whole = encoded(small, kind, save_all=True, append_images=[small.rotate(90)])
    for place in range(len(whole)):
        for broken in (
            whole[:place],
            whole[:place] + b"\0" + whole[place + 1 :],
            whole[:place] + b"\xff" + whole[place:],
        ):
            with contextlib.suppress(BadPictureError):
                assert decode(broken, LIMIT).mode == "RGB"


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The bytes with up to six changes: overwritten, cut out, put in, or cut off."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        place = draw.randrange(len(changed) or 1)
        match draw.choice("ooooxic"):
            case "o":
                changed[place : place + 1] = bytes([draw.choice([0, 255, draw.randrange(256)])])
            case "x":
                del changed[place : place + draw.randint(1, 8)]
            case "i":
                changed[place:place] = draw.randbytes(draw.randint(1, 8))
            case "c":
                del changed[max(place, len(changed) // 2) :]
    return bytes(changed)


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "GIF", "GIF of two", "TIFF", "TIFF of two", "WEBP", "JPEG in CMYK", "AVIF", "HEIF"]
)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_a_picture_or_a_reason(kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    small, draw, exif = corners(12, 10), random.Random(4), Image.Exif()
    exif[0x0112] = 6
    options: dict[str, Any] = (
        {"exif": exif.tobytes(), "icc_profile": rgb_profile()} if kind in ("JPEG", "PNG") else {}
    )
    if "two" in kind:
        options = {"save_all": True, "append_images": [small.rotate(90)]}
    whole = encoded(small.convert("CMYK") if "CMYK" in kind else small, kind.split()[0], **options)
    outcomes: Counter[str] = Counter()
    for _ in range(500):
        try:
            found = decode(mutated(whole, draw), LIMIT)
        except BadPictureError as bad:
            outcomes[bad.reason] += 1
        else:
            outcomes["kept"] += 1
            assert found.mode == "RGB"
    assert set(outcomes) <= {"kept", "empty", "not_an_image", "too_large", "animated", "damaged", "unsupported_mode"}
    assert outcomes["kept"] + outcomes["animated"] > 0  # or the changes were too many to test anything
