"""Find the parts of a JPEG, PNG, WebP or ISO file (HEIC, AVIF) that may describe its origin.

Each reader makes one pass over at most `MOST_PARTS` segments, chunks or boxes, and copies at most `MOST_BYTES` for
each kind of part. For a damaged file, the parts before the damage are returned.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_PARTS = 20_000
MOST_BYTES = 32 << 20
"""Maximum bytes of a C2PA manifest store. Stores contain thumbnails, and the stores of other files."""
MOST_XMP = 1 << 20
MOST_PACKETS = 8
MOST_TEXTS = 32

XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
XMP_OF_PNG = b"XML:com.adobe.xmp"
XMP_OF_ISO = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_OF_ISO = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_START, XMP_END = b"<x:xmpmeta", b"</x:xmpmeta>"


@dataclass
class Parts:
    """The parts of a file.

    Attributes:
        kind: MIME type of the file; empty for other formats.
        jumbf: bytes of the C2PA manifest store; empty if there is none.
        xmp: XMP packets.
        texts: keyword and length in bytes of the text chunks of a PNG, in file order.
    """

    kind: str = ""
    jumbf: bytes = b""
    xmp: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, int]] = field(default_factory=list)

    def add_xmp(self, packet: bytes) -> None:
        """Add a packet, unless it is too large or there are too many."""
        if 0 < len(packet) <= MOST_XMP and len(self.xmp) < MOST_PACKETS:
            self.xmp.append(packet)


def parts_of(data: bytes) -> Parts:
    """Read the parts of a file. Damaged bytes raise no exception, and the work is bounded by the size of `data`."""
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _iso(data)
    found = Parts()
    _search_xmp(data, found)
    return found


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment before the first scan."""
    at = 2
    for _ in range(MOST_PARTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xDA, 0xD9) or length < 2:
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _jpeg(data: bytes) -> Parts:
    found = Parts("image/jpeg")
    boxes: dict[int, dict[int, bytes]] = {}
    size = 0
    for marker, content in _jpeg_segments(data):
        if marker == 0xE1 and content.startswith(XMP_OF_JPEG):
            found.add_xmp(content[len(XMP_OF_JPEG) :])
        elif marker == 0xEB and content[:2] == b"JP" and len(content) >= 16 and size < MOST_BYTES:
            # JPEG XT (ISO 18477-3): box instance, number of the packet, then the box; each packet repeats its header
            instance, number = int.from_bytes(content[2:4], "big"), int.from_bytes(content[4:8], "big")
            boxes.setdefault(instance, {}).setdefault(number, content[8:])
            size += len(content)
    for packets in boxes.values():
        ordered = [packets[number] for number in sorted(packets)]
        header = 16 if ordered[0][:4] == b"\0\0\0\1" else 8
        box = ordered[0] + b"".join(packet[header:] for packet in ordered[1:])
        if not found.jumbf and box[4:8] == b"jumb" and b"c2pa" in box[:64]:
            found.jumbf = box
    return found


def _png(data: bytes) -> Parts:
    found = Parts("image/png")
    at = 8
    for _ in range(MOST_PARTS):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content_at = at + 8
        if len(kind) < 4 or content_at + length > len(data) or kind == b"IEND":
            break
        if kind == b"caBX" and length <= MOST_BYTES and not found.jumbf:
            found.jumbf = data[content_at : content_at + length]
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _text_chunk(kind, data[content_at : content_at + length], found)
        at = content_at + length + 4
    return found


def _text_chunk(kind: bytes, content: bytes, found: Parts) -> None:
    keyword, _, rest = content[: 80 + MOST_XMP].partition(b"\0")
    if kind == b"iTXt" and keyword == XMP_OF_PNG:
        compressed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        found.add_xmp(_inflated(text) if compressed else text)
    elif len(found.texts) < MOST_TEXTS and len(keyword) <= 79:
        found.texts.append((keyword.decode("latin-1"), len(content) - len(keyword) - 1))


def _inflated(content: bytes) -> bytes:
    """Decompress at most MOST_XMP bytes; empty if damaged or larger."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(content, MOST_XMP)
    except zlib.error:
        return b""
    return b"" if inflater.unconsumed_tail else text


def _webp(data: bytes) -> Parts:
    found = Parts("image/webp")
    at = 12
    for _ in range(MOST_PARTS):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(data) < at + 8 + length or len(kind) < 4:
            break
        if kind == b"C2PA" and length <= MOST_BYTES and not found.jumbf:
            found.jumbf = data[at + 8 : at + 8 + length]
        elif kind == b"XMP " and length <= MOST_XMP:
            found.add_xmp(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return found


def _iso(data: bytes) -> Parts:
    """Read the top-level boxes of a HEIC or AVIF file. XMP is an item in `meta` or `mdat`, so the bytes are searched
    for it."""
    found = Parts("image/avif" if data[8:11] == b"avi" else "image/heic")
    at = 0
    for _ in range(MOST_PARTS):
        length, kind, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if len(kind) < 4 or length < header or at + length > len(data):
            break
        content = data[at + header : at + length] if kind == b"uuid" and length <= MOST_BYTES else b""
        if content[:16] == C2PA_OF_ISO and not found.jumbf:
            # version and flags, purpose as a string, offset of the next such box
            purpose, _, rest = content[20:].partition(b"\0")
            found.jumbf = rest[8:] if purpose == b"manifest" else b""
        elif content[:16] == XMP_OF_ISO:
            found.add_xmp(content[16:])
        at += length
    _search_xmp(data, found)
    return found


def _search_xmp(data: bytes, found: Parts) -> None:
    """Search all bytes of a file for XMP packets."""
    at = 0
    for _ in range(MOST_PACKETS):
        start = data.find(XMP_START, at)
        end = data.find(XMP_END, start, start + MOST_XMP) if start >= 0 else -1
        if end < 0:
            return
        packet = data[start : end + len(XMP_END)]
        if not any(packet in other for other in found.xmp):
            found.add_xmp(packet)
        at = end
