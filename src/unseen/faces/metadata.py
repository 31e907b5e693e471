"""Remove metadata from an image file before it is decoded.

Pillow rejects a file if its text, EXIF, XMP or colour profile is too long or damaged, even if its pixels can be
decoded. Therefore metadata are removed from the file's bytes first, without changing its pixels. The orientation and
the colour profile are returned if they can be read.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from unseen.faces.tiff import Directory

MAX_INFLATED = 32 * 2**20
"""Maximum size in bytes of a decompressed profile or EXIF block. Larger ones are dropped."""

ORIENTATION, XMP, ICC_PROFILE = 274, 700, 34675
"""TIFF tags, also used in EXIF blocks."""

# Tags of TIFF 6.0 and its supplements that affect pixels: size, layout, compression, meaning of samples.
_PIXEL_TAGS = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325),
    *(332, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532, 559, 50674),
}


@dataclass
class Metadata:
    """Metadata of a file; `b""` for blocks that are missing or can't be read.

    Attributes:
        exif: a TIFF structure, without a prefix.
        xmp: XML.
        icc: a colour profile.
        views: whether the file has a second view of the picture, as MPO files of cameras do.
        turned: the orientation by a tag of the file itself, outside of EXIF; 0 if there is none.
    """

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    views: bool = False
    turned: int = 0

    def orientation(self) -> int:
        """1 to 8 as in EXIF; 1 if it is missing or can't be read."""
        found = self.turned
        with suppress(ValueError):
            found = found or Directory.read(self.exif).number(ORIENTATION)
        if not found and (match := re.search(rb'tiff:Orientation(?:="|>)([0-9])', self.xmp)):
            found = int(match[1])
        return found if 1 <= found <= 8 else 1


def _inflated(data: bytes) -> bytes:
    """Decompress with zlib; `b""` if the data are damaged or too long."""
    opened = zlib.decompressobj()
    try:
        found = opened.decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""
    return b"" if opened.unconsumed_tail else found


class _Remover:
    """Removes parts from the bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self._data, self._kept, self._done = data, [], 0  # type: ignore[var-annotated]

    def remove(self, start: int, end: int) -> None:
        """Remove a range. Ranges must be in order."""
        self._kept.append(self._data[self._done : start])
        self._done = end

    def result(self) -> bytes:
        """The file without the removed ranges."""
        return b"".join([*self._kept, self._data[self._done :]]) if self._done else self._data


# JPEG


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment of a JPEG file before its pixels; bytes between segments are skipped."""
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker in (0xD9, 0xDA):
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # without a length
            place += 1 if marker == 0xFF else 2
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        yield marker, place, end
        place = end


def _jpeg(data: bytes) -> tuple[bytes, Metadata]:
    remover, found, profile = _Remover(data), Metadata(), []
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker != 0xFE and not 0xE0 <= marker <= 0xEF:
            continue
        # These two segments define the colour space of the pixels (YCbCr or not).
        if (marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14) or (
            marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12
        ):
            continue
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            found.exif += body[6:]
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            found.xmp = body.split(b"\0", 1)[1]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile.append(body[12:])
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            found.views = True
        remover.remove(start, min(end, len(data)))
    profile.sort(key=lambda part: part[0])
    if profile and profile[0][1] == len(profile):
        found.icc = b"".join(part[2:] for part in profile)
    return remover.result(), found


# PNG


def _chunk_text(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Keyword and text of a PNG text chunk; the text is empty if it can't be read."""
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        return keyword, _inflated(rest[1:]) if rest[:1] == b"\0" else b""
    if kind == b"iTXt":
        packed, (_, _, text) = rest[:2], (rest[2:].split(b"\0", 2) + [b""] * 3)[:3]
        return keyword, _inflated(text) if packed == b"\1\0" else text if packed[:1] == b"\0" else b""
    return keyword, rest


def _png_metadata(kind: bytes, body: bytes, found: Metadata) -> None:
    if kind == b"eXIf":
        found.exif = body.removeprefix(b"Exif\0\0")
    elif kind == b"iCCP":
        _, _, rest = body.partition(b"\0")
        found.icc = _inflated(rest[1:]) if rest[:1] == b"\0" else b""
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        keyword = body[:80].partition(b"\0")[0]
        if keyword == b"XML:com.adobe.xmp":
            found.xmp = _chunk_text(kind, body)[1]
        elif keyword == b"Raw profile type exif" and not found.exif:  # from ImageMagick: a name, a length, hex digits
            with suppress(ValueError):
                lines = _chunk_text(kind, body)[1].split(b"\n")[3:]
                found.exif = bytes.fromhex(b"".join(lines).decode("ascii")).removeprefix(b"Exif\0\0")


def _png(data: bytes) -> tuple[bytes, Metadata]:
    remover, found, place = _Remover(data), Metadata(), 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if not kind.isalpha() or kind == b"IEND":
            break
        end = min(place + 12 + length, len(data))
        # Chunks whose name starts in lower case are optional. Keep tRNS (transparency) and acTL (animation).
        if kind[0] & 0x20 and kind != b"tRNS" and not (kind == b"acTL" and length == 8):
            body = data[place + 8 : place + 8 + length]
            if struct.pack(">I", zlib.crc32(kind + body)) == data[place + 8 + length : end]:
                _png_metadata(kind, body, found)
            remover.remove(place, end)
        place = end
    return remover.result(), found


# WebP


def _webp(data: bytes) -> tuple[bytes, Metadata]:
    remover, found, place = _Remover(data), Metadata(), 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        end = min(place + 8 + length + length % 2, len(data))
        if kind not in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"):
            body = data[place + 8 : place + 8 + length]
            if kind == b"ICCP":
                found.icc = body
            elif kind == b"EXIF":
                found.exif = body.removeprefix(b"Exif\0\0")
            elif kind == b"XMP ":
                found.xmp = body
            remover.remove(place, end)
        place = end
    if place < len(data):
        remover.remove(place, len(data))
    bare = bytearray(remover.result())
    if len(bare) == len(data):
        return data, found
    bare[4:8] = struct.pack("<I", len(bare) - 8)
    if bare[12:16] == b"VP8X":
        bare[20] &= ~(0x20 | 0x08 | 0x04)  # the flags for a profile, EXIF, XMP
    return bytes(bare), found


# TIFF


def _tiff(data: bytes) -> tuple[bytes, Metadata]:
    try:
        directory = Directory.read(data)
    except ValueError:
        return data, Metadata()
    found = Metadata(
        xmp=directory.binary(XMP), icc=directory.binary(ICC_PROFILE), turned=directory.number(ORIENTATION)
    )
    kept = [entry for entry in directory.entries if directory.tag(entry) in _PIXEL_TAGS]
    behind = directory.first() + len(directory.entries) * directory.width()
    following = data[behind : behind + (8 if directory.big else 4)]
    count = struct.pack(directory.order + ("Q" if directory.big else "H"), len(kept))
    shorter = count + b"".join(kept) + following
    return data[: directory.start] + shorter + data[directory.start + len(shorter) :], found


# AVIF and HEIC


_UNREAD = b"unread"
_ITEM = re.compile(rb"(infe(?:\x02.{3}.{4}|\x03.{3}.{6}))(Exif|mime)", re.DOTALL)
"""An item info entry: version, flags, number, protection, type."""


def _heif(data: bytes) -> tuple[bytes, Metadata]:
    """Change the type of EXIF and XMP items to one that readers ignore.

    Their orientation is not used: these formats store it as a property of the picture, and their readers apply it.
    """
    place, found = 0, Metadata()
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"meta":
            box = data[place : place + length]
            found.exif = _UNREAD if any(match[2] == b"Exif" for match in _ITEM.finditer(box)) else b""
            return data[:place] + _ITEM.sub(rb"\1skip", box) + data[place + length :], found
        if length < 8:
            break
        place += length
    return data, found


_READERS: list[tuple[bytes, Callable[[bytes], tuple[bytes, Metadata]]]] = [
    (rb"\xff\xd8\xff", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"RIFF....WEBP", _webp),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", _tiff),
    (rb"....ftyp", _heif),
]


def without_metadata(data: bytes) -> tuple[bytes, Metadata]:
    """Remove the metadata from a picture's bytes, and return both.

    Args:
        data: a file. Formats other than JPEG, PNG, WebP, TIFF, AVIF and HEIC are returned unchanged, and so is the
            part of a damaged file that can't be parsed.
    """
    for start, reader in _READERS:
        if re.match(start, data, re.DOTALL):
            return reader(data)
    return data, Metadata()
