"""Pictures with faces for `growth.py`: variations of a few photos, as many as wanted, each one a different file."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unseen.data.face_rows import FaceRow
from unseen.data.splits import SplitSettings, split_of
from unseen.sources.shared.archive import members

SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm")
A_PERSON = 10
"""Real pictures that share an identity."""

LANDMARKS = (20.0, 25.0, 44.0, 25.0, 32.0, 38.0, 23.0, 48.0, 41.0, 48.0)
"""Eyes, nose and corners of the mouth in a crop of 64 pixels."""

TIME = (2000, 1, 1, 0, 0, 0)
"""Time stamp of all files in an archive, so that equal pictures give equal archives."""


def photos(place: Path) -> list[Image.Image]:
    """The photos of a folder, or of an archive, in grey."""
    if place.is_dir():
        found = [path.read_bytes() for path in sorted(place.rglob("*")) if path.suffix in SUFFIXES]
    else:
        found = [member.data for member in members(place, "*") if Path(member.name).suffix in SUFFIXES]
    if not found:
        raise SystemExit(f"{place}: no pictures")
    return [Image.open(io.BytesIO(data)).convert("L") for data in found]


def _smooth(random: np.random.Generator, side: int, knots: int, low: float, high: float) -> Image.Image:
    """A smooth random surface, float [side, side], from a grid of knots x knots."""
    values = random.uniform(low, high, (knots, knots)).astype(np.float32)
    return Image.fromarray(values).resize((side, side), Image.Resampling.BICUBIC)


def varied(photo: Image.Image, side: int, fake: bool, number: int) -> bytes:
    """A JPEG file of a photo in another size, angle and light, before another background.

    Args:
        photo: grey.
        side: of the picture in pixels; the photo is half to three quarters as wide.
        fake: enlarge the photo from half its size, which a detector can learn.
        number: of the picture; pictures with different numbers are different.
    """
    random = np.random.default_rng([number, int(fake)])
    width = int(side * random.uniform(0.5, 0.75))
    height = int(width * photo.height / photo.width * random.uniform(0.95, 1.05))
    face = ImageOps.mirror(photo) if random.random() < 0.5 else photo
    if fake:
        face = face.resize((width // 2, height // 2), Image.Resampling.BOX)
    face = face.resize((width, height), Image.Resampling.BILINEAR if fake else Image.Resampling.LANCZOS)
    angle = random.uniform(-10, 10)
    mask = Image.new("L", face.size, 255).rotate(angle, Image.Resampling.BILINEAR)
    face = face.rotate(angle, Image.Resampling.BILINEAR)
    picture = Image.fromarray(np.asarray(_smooth(random, side, 8, 40, 215)).clip(0, 255).astype(np.uint8))
    free = side - max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    shift = random.uniform(-0.4, 0.4, 2) * max(free, 0)
    picture.paste(face, (int(left + shift[0]), int(top + shift[1])), mask)
    light = np.asarray(_smooth(random, side, 4, 0.65, 1.35))
    colour = random.uniform(0.85, 1.15, 3)
    pixels = np.asarray(picture, np.float32) * light
    pixels = pixels[..., None] * colour + random.normal(0, 3, (side, side, 1))
    buffer = io.BytesIO()
    quality = int(np.random.default_rng(number).integers(75, 96))  # the same for both classes
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _files(sources: list[Image.Image], count: int, side: int) -> Iterator[tuple[str, bytes]]:
    """Reals and fakes in turns; ten reals of one photo after the other are a person."""
    for number in range(count):
        each, fake = number // 2, bool(number % 2)
        person = each // A_PERSON
        photo = sources[(each if fake else person) % len(sources)]
        name = f"fake/{each:06d}.jpg" if fake else f"real/p{person:06d}_{each:06d}.jpg"
        yield name, varied(photo, side, fake, each)


def write_archive(place: Path, count: int, side: int, target: Path) -> None:
    """Write a zip file with `count` variations of the photos in `place`, half of them as fakes."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in _files(photos(place), count, side):
            archive.writestr(zipfile.ZipInfo(name, TIME), data)


def stored_rows(
    name: str, fake: bool, count: int, sources: list[Image.Image], splits: SplitSettings
) -> Iterator[FaceRow]:
    """Rows of a set as `faces` writes them, without its preprocessing: few crops, each time with another last byte.

    Hashes are random, so that no two faces are duplicates. Reals are ten a person.
    """
    crops = [varied(sources[number % len(sources)], 64, fake, number) for number in range(200)]
    random = np.random.default_rng(int(fake))
    for number in range(count):
        path = f"fake/{number:06d}.jpg" if fake else f"real/p{number // A_PERSON:06d}_{number:06d}.jpg"
        person = f"{name}/{path}" if fake else f"{name}/p{number // A_PERSON:06d}"
        yield FaceRow(
            jpeg=crops[number % len(crops)] + number.to_bytes(4),  # decoders ignore what follows the end
            path=path,
            label=int(fake),
            generator="enlarged" if fake else "",
            source=name,
            identity=person,
            split=split_of(person, splits),
            sha256=random.bytes(32).hex(),
            dhash=random.bytes(32).hex(),
            picture_dhash=random.bytes(32).hex(),
            width=128,
            height=128,
            box=(0.0, 0.0, 64.0, 64.0),
            landmarks=tuple((LANDMARKS + random.normal(0, 1, 10)).tolist()),
            detection_score=0.9,
            original={"format": "JPEG", "quality": str(75 + number % 20)},
        )
