"""Pixels that decode are used, whatever the metadata beside them hold: each file here is compared with the same file
without metadata."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, TiffImagePlugin

from unseen.faces.decode import BadPictureError, decode
from unseen.faces.metadata import MAX_INFLATED, without_metadata
from unseen.faces.original import original

LIMIT = 1_000_000
MEGABYTE = 2**20

Build = Callable[[bytes], bytes]


def gradient() -> Image.Image:
    """A small picture that is the same in no other orientation."""
    rows, columns = np.mgrid[:24, :40]
    return Image.fromarray(np.stack([rows * 10, columns * 6, 255 - rows * 5], axis=-1).astype(np.uint8))


def encoded(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind in ("WEBP", "AVIF"):
        options.setdefault("quality", 80)
    gradient().save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(decode(data, LIMIT))


def chunk(kind: bytes, body: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png(*chunks: bytes, late: bool = False) -> bytes:
    """A PNG file with chunks before its pixels or behind them."""
    whole = encoded("PNG")
    place = whole.index(b"IEND" if late else b"IDAT") - 4
    return whole[:place] + b"".join(chunks) + whole[place:]


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    whole = encoded("JPEG")
    parts = (struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return whole[:2] + b"".join(parts) + whole[2:]


def jpeg_profile(profile: bytes) -> bytes:
    pieces = [profile[i : i + 65000] for i in range(0, len(profile), 65000)]
    return jpeg(*((0xE2, b"ICC_PROFILE\0" + bytes([i + 1, len(pieces)]) + one) for i, one in enumerate(pieces)))


def webp(*chunks: tuple[bytes, bytes], flags: int = 0x2C) -> bytes:
    """A WebP file in the extended layout, with chunks behind its pixels; a profile goes before them."""
    simple = encoded("WEBP")[12:]
    packed = [
        (kind == b"ICCP", kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)) for kind, body in chunks
    ]
    head = b"VP8X" + struct.pack("<IB3x", 10, flags) + struct.pack("<I", 39)[:3] + struct.pack("<I", 23)[:3]
    body = head + b"".join(one for early, one in packed if early) + simple
    body += b"".join(one for early, one in packed if not early)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def tiff(tag: int, kind: int, value: Any, compression: str = "raw") -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[tag] = kind
    tags[tag] = value
    return encoded("TIFF", tiffinfo=tags, compression=compression)


def gif(extension: bytes) -> bytes:
    whole = encoded("GIF")
    place = 13 + 3 * 2 ** ((whole[10] & 7) + 1)
    return whole[:place] + extension + whole[place:]


def blocks(body: bytes) -> bytes:
    pieces = [body[i : i + 255] for i in range(0, len(body), 255)]
    return b"".join(bytes([len(one)]) + one for one in pieces) + b"\0"


def exif(orientation: int) -> bytes:
    """An EXIF block of one tag, without a prefix."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def xmp(orientation: int) -> bytes:
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation


def swapped_profile() -> bytes:
    """A profile in which red and blue change places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"swap").replace(b"bXYZ", b"rXYZ").replace(b"swap", b"bXYZ")


def large_profile(length: int = 2 * MEGABYTE) -> bytes:
    """The same with bytes behind it that belong to no tag."""
    profile = bytearray(swapped_profile())
    profile += bytes(length - len(profile))
    profile[:4] = struct.pack(">I", length)
    return bytes(profile)


TEXT = b"a prompt, " * (MEGABYTE // 4)
BOMB = zlib.compress(bytes(80 * MEGABYTE))
BROKEN_EXIF = [
    b"",
    b"garbage",
    b"II*\0\xff\xff\xff\xff",
    b"MM\0*\0\0\0\x08\xff\xff",
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\xff\0\0\0\0",
    bytes(70),
    exif(0),
    exif(9),
    exif(65535),
]
BROKEN_XMP = [b"\xff\xfe\x00", b"tiff:Orientation=", xmp(9), bytes(100), b"<" * 3 * MEGABYTE]
EVERY_KIND = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"]

PNG_CHUNKS = {
    "text of 2 MB": chunk(b"tEXt", b"parameters\0" + TEXT),
    "compressed text of 2 MB": chunk(b"zTXt", b"parameters\0\0" + zlib.compress(TEXT)),
    "compressed international text of 2 MB": chunk(b"iTXt", b"prompt\0\1\0en\0\0" + zlib.compress(TEXT)),
    "text of 80 MB": chunk(b"zTXt", b"parameters\0\0" + BOMB),
    "international text of 80 MB": chunk(b"iTXt", b"prompt\0\1\0\0\0" + BOMB),
    "a profile of 80 MB": chunk(b"iCCP", b"p\0\0" + BOMB),
    "text by an unknown method": chunk(b"zTXt", b"parameters\0\7text"),
    "text without a method": chunk(b"zTXt", b"parameters"),
    "a profile by an unknown method": chunk(b"iCCP", b"p\0\7profile"),
    "an empty profile": chunk(b"iCCP", b""),
    "a broken profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(b"broken")),
    "a profile that does not inflate": chunk(b"iCCP", b"p\0\0broken"),
    "a short gamma": chunk(b"gAMA", b"\0"),
    "short chromaticities": chunk(b"cHRM", b"\0" * 5),
    "a short rendering intent": chunk(b"sRGB", b""),
    "a short resolution": chunk(b"pHYs", b"\0" * 3),
    "a short frame count": chunk(b"acTL", b"\0"),
    "a frame that is none": chunk(b"fcTL", b"\0" * 3),
    "a wrong checksum": chunk(b"tEXt", b"a\0b", crc=1),
    "an unknown chunk": chunk(b"prVt", b"\0" * 3),
    "EXIF as hex that is none": chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nxyz\n"),
    "EXIF as hex that is cut off": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif")),
}


@pytest.mark.parametrize("late", [False, True], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("name", PNG_CHUNKS)
def test_chunks_of_a_png_that_are_no_pixels(name: str, late: bool) -> None:
    np.testing.assert_array_equal(pixels(png(PNG_CHUNKS[name], late=late)), pixels(png()))


def test_a_hundred_texts_of_a_megabyte() -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(MEGABYTE - 1)))
    np.testing.assert_array_equal(pixels(png(*[text] * 100)), pixels(png()))


def test_a_text_that_is_cut_off_behind_the_pixels() -> None:
    whole = png(chunk(b"tEXt", b"parameters\0" + TEXT), late=True)
    np.testing.assert_array_equal(pixels(whole[: -2 * MEGABYTE]), pixels(png()))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(MAX_INFLATED + 1)))
    assert without_metadata(png(bomb))[1].xmp == b""
    monkeypatch.setattr("unseen.faces.metadata._inflated", lambda data: pytest.fail("a prompt was unpacked"))
    without_metadata(png(PNG_CHUNKS["text of 80 MB"], PNG_CHUNKS["international text of 80 MB"]))


JPEG_SEGMENTS = {
    "a short JFIF": (0xE0, b"JFIF"),
    "a JFIF without a density": (0xE0, b"JFIF\0\1"),
    "EXIF's name alone": (0xE1, b"Exif\0\0"),
    "a short Adobe": (0xEE, b"Adobe"),
    "Photoshop's resources cut off": (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0"),
    "Photoshop's resolution cut off": (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0\0\0\0\2\0\0"),
    "several pictures, cut off": (0xE2, b"MPF\0"),
    "several pictures that are none": (0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x02\0\xff\xff\xff\xff\0\0\0\0"),
    "a piece of a profile": (0xE2, b"ICC_PROFILE\0\2\3" + bytes(9)),
    "a profile without a number": (0xE2, b"ICC_PROFILE\0"),
    "a comment": (0xFE, bytes(60000)),
    "FlashPix": (0xE2, b"FPXR\0"),
    "an unknown segment": (0xE9, bytes(100)),
}


@pytest.mark.parametrize("name", JPEG_SEGMENTS)
def test_segments_of_a_jpeg_that_are_no_pixels(name: str) -> None:
    np.testing.assert_array_equal(pixels(jpeg(JPEG_SEGMENTS[name])), pixels(jpeg()))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_keeps_the_segments_that_say_what_its_pixels_are(mode: str) -> None:
    buffer = io.BytesIO()
    gradient().convert(mode).save(buffer, "JPEG", keep_rgb=mode == "RGB", comment=b"x" * 60000)
    np.testing.assert_array_equal(
        pixels(buffer.getvalue()), np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))
    )


TIFF_TAGS: dict[str, tuple[int, int, Any]] = {
    "XMP as text": (700, 2, "hello"),
    "XMP as a number": (700, 3, 4),
    "a profile as a number": (34675, 3, 7),
    "a broken profile": (34675, 7, b"broken"),
    "a broken profile of 2 MB": (34675, 7, bytes(2 * MEGABYTE)),
    "EXIF within the pixels": (34665, 4, 11),
    "EXIF beyond the end": (34665, 4, 2**31),
    "a place within the pixels": (34853, 4, 12),
    "an orientation as text": (274, 2, "top"),
    "a resolution of 0": (282, 5, 0),
    "a description of 2 MB": (270, 2, "x" * 2 * MEGABYTE),
    "Photoshop's resources": (34377, 7, b"8BIM broken"),
    "IPTC as numbers": (33723, 4, (1, 2)),
}


@pytest.mark.parametrize("name", TIFF_TAGS)
def test_tags_of_a_tiff_that_are_no_pixels(name: str) -> None:
    np.testing.assert_array_equal(pixels(tiff(*TIFF_TAGS[name])), pixels(encoded("TIFF")))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "webp", "zstd"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_tiff_without_metadata_has_the_same_pixels(mode: str, compression: str) -> None:
    picture, buffer = gradient(), io.BytesIO()
    picture = picture.quantize(16) if mode == "P" else picture.convert("L" if mode == "I;16" else mode)
    picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257) if mode == "I;16" else picture
    try:
        picture.save(buffer, "TIFF", compression=compression, dpi=(300, 300), description="x" * 100)
    except (OSError, ValueError, RuntimeError, SystemError):
        pytest.skip(f"Pillow writes no {mode} so")
    bare, _ = without_metadata(buffer.getvalue())
    assert b"x" * 90 in buffer.getvalue()
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(bare))), np.asarray(Image.open(io.BytesIO(buffer.getvalue())))
    )


@pytest.mark.parametrize("big", [False, True])
def test_a_profile_and_a_turn_in_a_tiff(big: bool) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = 3
    found = pixels(encoded("TIFF", tiffinfo=tags, icc_profile=swapped_profile(), big_tiff=big))
    np.testing.assert_array_equal(found, pixels(encoded("TIFF", icc_profile=swapped_profile()))[::-1, ::-1])


@pytest.mark.parametrize(
    "extension",
    [b"\x21\xfe" + blocks(TEXT), b"\x21\xff\x0bXMP DataXMP" + blocks(TEXT), b"\x21\xff\x02ab\0", b"\x21\xfe\0"],
    ids=["a comment of 2 MB", "XMP of 2 MB", "a short extension", "an empty comment"],
)
def test_extensions_of_a_gif_that_are_no_pixels(extension: bytes) -> None:
    np.testing.assert_array_equal(pixels(gif(extension)), pixels(encoded("GIF")))


def test_a_comment_in_a_ppm() -> None:
    whole = encoded("PPM")
    np.testing.assert_array_equal(pixels(whole[:3] + b"# " + TEXT[:100_000] + b"\xff\n" + whole[3:]), pixels(whole))


def with_exif(kind: str, body: bytes) -> bytes:
    """A file with an EXIF block, whatever it holds; Pillow writes what it is given."""
    if kind == "PNG":
        return png(chunk(b"eXIf", body))
    if kind == "JPEG":
        return jpeg((0xE1, b"Exif\0\0" + body))
    if kind == "WEBP":
        return webp((b"EXIF", body))
    return with_items(kind, exif=body)


def with_items(kind: str, **parts: bytes) -> bytes:
    """An AVIF or HEIC file with EXIF and XMP; the writers want them whole, so they are overwritten afterwards."""
    places = {"exif": b"MM\0*" + b"e" * 96, "xmp": b"<x>" + b"x" * 97}
    whole = encoded(kind, **{name: (b"Exif\0\0" if name == "exif" else b"") + places[name] for name in parts})
    for name, body in parts.items():
        assert whole.count(places[name]) == 1
        whole = whole.replace(places[name], body[:100].ljust(100, b"\0"))
    return whole


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("body", BROKEN_EXIF, ids=range(len(BROKEN_EXIF)))
def test_exif_that_can_not_be_read(kind: str, body: bytes) -> None:
    np.testing.assert_array_equal(pixels(with_exif(kind, body)), pixels(plain(kind)))


def plain(kind: str) -> bytes:
    """The same file without metadata."""
    if kind in ("AVIF", "HEIF"):
        return encoded(kind)
    return {"PNG": png, "JPEG": jpeg, "WEBP": webp}[kind]()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("body", BROKEN_XMP, ids=range(len(BROKEN_XMP)))
def test_xmp_that_can_not_be_read(kind: str, body: bytes) -> None:
    files: dict[str, Build] = {
        "PNG": lambda xml: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xml)),
        "JPEG": lambda xml: jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xml[:60000])),
        "WEBP": lambda xml: webp((b"XMP ", xml)),
        "AVIF": lambda xml: with_items("AVIF", xmp=xml),
        "HEIF": lambda xml: with_items("HEIF", xmp=xml),
    }
    np.testing.assert_array_equal(pixels(files[kind](body)), pixels(plain(kind)))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    "build",
    [
        lambda turn: png(PNG_CHUNKS["text of 80 MB"], chunk(b"eXIf", exif(turn))),
        lambda turn: png(chunk(b"eXIf", exif(turn)), late=True),
        lambda turn: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(turn))),
        lambda turn: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(turn)))),
        lambda turn: png(
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 26\n" + exif(turn).hex().encode()))
        ),
        lambda turn: png(chunk(b"eXIf", b"Exif\0\0" + exif(turn))),
        lambda turn: png(chunk(b"eXIf", b"broken"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(turn))),
    ],
    ids=["eXIf beside a bomb", "eXIf last", "XMP", "packed XMP", "ImageMagick's", "prefixed", "XMP, broken EXIF"],
)
def test_a_png_is_turned_by_what_can_be_read(build: Callable[[int], bytes], turn: int) -> None:
    expected = pixels(jpeg_of_the_same(turn))
    assert pixels(build(turn)).shape == expected.shape
    assert np.abs(pixels(build(turn)).astype(int) - expected).mean() < 8


def jpeg_of_the_same(turn: int) -> bytes:
    buffer, block = io.BytesIO(), Image.Exif()
    block[274] = turn
    gradient().save(buffer, "JPEG", quality=95, exif=block.tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
def test_webp_and_jpeg_are_turned(turn: int) -> None:
    expected = pixels(jpeg_of_the_same(turn)).astype(int)
    for data in (
        webp((b"EXIF", exif(turn))),
        webp((b"EXIF", b"Exif\0\0" + exif(turn)), (b"XMP ", b"\xff")),
        webp((b"XMP ", xmp(turn))),
        jpeg((0xE1, b"Exif\0\0" + exif(turn))),
        jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(turn))),
    ):
        assert np.abs(pixels(data).astype(int) - expected).mean() < 8


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_avif_and_heic_are_turned(kind: str, turn: int) -> None:
    """Their writers turn EXIF's orientation into a property of the picture."""
    block = Image.Exif()
    block[274] = turn
    expected = pixels(jpeg_of_the_same(turn)).astype(int)
    assert np.abs(pixels(encoded(kind, quality=95, exif=block.tobytes())).astype(int) - expected).mean() < 8


PROFILES: dict[str, Build] = {
    "PNG": lambda profile: png(chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))),
    "JPEG": jpeg_profile,
    "WEBP": lambda profile: webp((b"ICCP", profile)),
    "TIFF": lambda profile: encoded("TIFF", icc_profile=profile),
    "AVIF": lambda profile: encoded("AVIF", icc_profile=profile),
    "HEIF": lambda profile: encoded("HEIF", icc_profile=profile),
}


@pytest.mark.parametrize("kind", PROFILES)
def test_a_profile_of_2_mb_is_used(kind: str) -> None:
    found, small = pixels(PROFILES[kind](large_profile())), pixels(PROFILES[kind](swapped_profile()))
    np.testing.assert_array_equal(found, small)
    assert np.abs(found.astype(int) - np.asarray(gradient(), int)).mean() > 20


@pytest.mark.parametrize("kind", PROFILES)
@pytest.mark.parametrize("profile", [b"broken", swapped_profile()[:300], bytes(2 * MEGABYTE)], ids=range(3))
def test_a_profile_that_can_not_be_read(kind: str, profile: bytes) -> None:
    none = pixels(plain(kind) if kind != "TIFF" else encoded("TIFF"))
    np.testing.assert_array_equal(pixels(PROFILES[kind](profile)), none)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.integers(0, 20), st.binary(max_size=80))
def test_no_metadata_change_a_pixel(kind: str, which: int, body: bytes) -> None:
    """Any bytes in any chunk that pixels do not need; the orientation and the profile can't be said by chance."""
    if kind == "PNG":
        names = [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"hIST"]
        data = png(chunk([*names, b"tIME", b"sBIT", b"sPLT", b"cICP", b"prVt", b"oFFs"][which % 17], body))
    elif kind == "JPEG":
        names = [b"", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0", b"Photoshop 3.0\0", b"ICC_PROFILE\0"]
        data = jpeg((0xE0 + (1 if which == 14 else which % 16), names[which % 6] + body))
    else:
        data = webp(([b"ICCP", b"EXIF", b"XMP ", b"abcd"][which % 4], body))
    np.testing.assert_array_equal(pixels(data), pixels(plain(kind)))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_pixels_that_are_cut_off_are_no_picture(kind: str) -> None:
    """What is dropped is metadata; half a picture stays damaged."""
    buffer = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    noise.save(buffer, kind)
    with pytest.raises(BadPictureError, match=r"damaged|not_an_image"):
        decode(buffer.getvalue()[: len(buffer.getvalue()) * 2 // 3], LIMIT)


def test_a_file_without_metadata_is_not_copied() -> None:
    for data in (png(), encoded("WEBP"), encoded("BMP"), encoded("GIF"), encoded("PPM"), b"", b"\x89PNG\r\n\x1a\n"):
        assert without_metadata(data)[0] is data


def test_the_presence_of_metadata_is_recorded() -> None:
    assert original(with_exif("PNG", exif(3)))["exif"] == original(with_exif("WEBP", exif(3)))["exif"] == "yes"
    assert original(with_exif("AVIF", exif(3)))["exif"] == "yes"
    assert original(png(PNG_CHUNKS["text of 80 MB"]))["exif"] == "no"
    assert original(PROFILES["PNG"](large_profile()))["profile"] == "yes"
    buffer = io.BytesIO()
    gradient().save(buffer, "MPO", save_all=True, append_images=[gradient()])
    assert original(buffer.getvalue())["format"] == "MPO"
