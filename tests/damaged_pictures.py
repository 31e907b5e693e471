"""Picture files of every format, whole and damaged at random, for what reads files of strangers."""

import io
import random

from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM")


def damaged(data: bytes, draw: random.Random) -> bytes:
    """A file with something wrong: cut off, overwritten, lengthened, of another kind, or nothing wrong at all."""
    way = draw.randrange(9)
    if way == 0:
        return data
    if way == 1:
        return data[: draw.randrange(len(data))]
    if way == 2:
        return b""
    if way == 3:
        return draw.randbytes(draw.randrange(1, 2000))
    if way == 4:
        return data[:16] + draw.randbytes(200)
    if way == 5:
        return draw.randbytes(8) + data
    mutable = bytearray(data)
    for _ in range(draw.choice((1, 3, 20, 200))):
        # Often in the header: there a byte is a size, a length or an offset.
        end = draw.choice((64, 700, len(mutable)))
        mutable[draw.randrange(min(end, len(mutable)))] = draw.randrange(256)
    if way == 6:
        start = draw.randrange(len(mutable))
        del mutable[start : start + draw.randrange(1, 64)]
    return bytes(mutable)


def pictures(orl_pictures: dict[str, bytes], draw: random.Random) -> list[bytes]:
    """Whole files of every format."""
    faces = [Image.open(io.BytesIO(data)) for data in list(orl_pictures.values())[:8]]
    files = []
    for face in faces:
        for kind in FORMATS:
            buffer = io.BytesIO()
            extra = {"exif": b"Exif\0\0" + draw.randbytes(40)} if kind in ("JPEG", "PNG", "WEBP") else {}
            face.convert(draw.choice(("L", "RGB"))).save(buffer, kind, **extra)
            files.append(buffer.getvalue())
    return files
