"""Files with facts about their origin, made byte by byte."""

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>"
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:d="http://purl.org/dc/terms/" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    "<?xpacket end='w'?>"
)


def xmp(attributes: str = f'I:DigitalSourceType="{AI}"', elements: str = "") -> bytes:
    """A packet of XMP."""
    return XMP.format(attributes=attributes, elements=elements).encode()


def picture(kind: str) -> bytes:
    """A small picture without metadata."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, kind)
    return file.getvalue()


def cbor(value: object) -> bytes:
    """CBOR of text, numbers, bytes, lists and mappings."""

    def head(kind: int, number: int) -> bytes:
        if number < 24:
            return bytes([kind << 5 | number])
        size = next(i for i in range(4) if number < 1 << (8 << i))
        return bytes([kind << 5 | 24 + size]) + number.to_bytes(1 << size, "big")

    if isinstance(value, bool) or value is None:
        return {True: b"\xf5", False: b"\xf4", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(key) + cbor(one) for key, one in value.items())
    assert isinstance(value, list)
    return head(4, len(value)) + b"".join(map(cbor, value))


def box(kind: bytes, content: bytes) -> bytes:
    """A box of JUMBF or of an ISO file."""
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def superbox(kind: bytes, label: str, *contents: bytes) -> bytes:
    """A box of boxes with a description."""
    tail = bytes.fromhex("00110010800000AA00389B71")
    return box(b"jumb", box(b"jumd", kind + tail + b"\3" + label.encode() + b"\0") + b"".join(contents))


CREATED = {"actions": [{"action": "c2pa.created", "digitalSourceType": AI}]}


def store(
    claim: object = None, actions: object = CREATED, kind: bytes = b"cbor", label: str = "c2pa.actions.v2"
) -> bytes:
    """A C2PA manifest store without a signature."""
    claim = {"claim_generator_info": [{"name": "maker", "version": "1.2"}]} if claim is None else claim
    encoded = actions if isinstance(actions, bytes) else cbor(actions)
    parts = [
        superbox(b"c2as", "c2pa.assertions", superbox(b"cbor", label, box(kind, encoded))),
        superbox(b"c2cl", "c2pa.claim.v2", box(b"cbor", cbor(claim))),
    ]
    return superbox(b"c2pa", "c2pa", superbox(b"c2ma", "urn:c2pa:1", *parts))


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def jpeg(*segments: bytes) -> bytes:
    """A JPEG with further segments."""
    plain = picture("JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def app11(jumbf: bytes, size: int = 60_000, order: Sequence[int] | None = None) -> list[bytes]:
    """Segments with a box in packets of `size` bytes; each repeats the header of the box."""
    header, content = jumbf[:8], jumbf[8:]
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    packets = [
        segment(0xEB, b"JP\0\1" + (i + 1).to_bytes(4, "big") + header + piece) for i, piece in enumerate(pieces)
    ]
    return [packets[i] for i in order] if order else packets


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png(*chunks: bytes) -> bytes:
    """A PNG with further chunks before its pixels."""
    plain = picture("PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


def itxt(text: bytes, compressed: bool = False) -> bytes:
    """A chunk with XMP."""
    flags = b"\1\0" if compressed else b"\0\0"
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + flags + b"\0\0" + (zlib.compress(text) if compressed else text))


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP with further chunks."""
    parts = b"".join(
        kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2) for kind, content in chunks
    )
    content = picture("WEBP")[8:] + parts
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def heic(*boxes: bytes) -> bytes:
    """The boxes of a HEIC file without a picture."""
    return box(b"ftyp", b"heic\0\0\0\0mif1") + b"".join(boxes)


def c2pa_box(jumbf: bytes) -> bytes:
    """The box of an ISO file that holds a manifest store."""
    kind = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return box(b"uuid", kind + b"\0\0\0\0manifest\0" + b"\0" * 8 + jumbf)
