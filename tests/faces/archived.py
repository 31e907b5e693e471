"""Sources and archives of a few files, for tests of what becomes of them."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from unseen.data.face_rows import Dropped
from unseen.data.splits import SplitSettings
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import gather
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.workers import Job, JobResult, Preprocessing
from unseen.sources.shared.settings import SourceSettings

SPLITS = SplitSettings(seed=4, val=0.2, test=0.2)
SEED = 4


def source(**changed: Any) -> SourceSettings:
    """A source of real people who are told apart by their folder, `s1`, `s2` and so on."""
    block = {"archive": "faces", "group": "people", "use": "train", "label": "real", "identity": "(s[0-9]+)/"}
    return SourceSettings.model_validate(block | changed)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def files_of_140k(pictures: Iterator[bytes]) -> dict[str, bytes]:
    """The shape of the 140k set: three parts with a csv each, which calls real pictures 1 and fakes 0."""
    files = {}
    for number, part in enumerate(("train", "valid", "test")):
        lines = [",original_path,id,label,label_str,path"]
        for row, (label, word) in enumerate([(1, "real"), (0, "fake")] * 3):
            name = f"{part}/{word}/{number}{row:04d}.jpg"
            files[f"real_vs_fake/real-vs-fake/{name}"] = next(pictures)
            lines.append(f"{row},/kaggle/input/{word}/{row:05d}.png,{number}{row:04d},{label},{word},{name}")
        files[f"{part}.csv"] = ("\n".join(lines) + "\n").encode()
    return files


def files_of_720k(pictures: Iterator[bytes]) -> dict[str, bytes]:
    """The shape of the 720k set: the same file names in real/ and fake/ of every thing."""
    folders = [f"data/{thing}/{word}" for thing in ("car", "person") for word in ("fake", "real")]
    return {f"{folder}/{number}.jpg": next(pictures) for folder in folders for number in (1, 2)}


@dataclass(frozen=True)
class Task:
    """All that decides a set, but for the archive's bytes."""

    preprocessing: Preprocessing
    source: SourceSettings
    name: str = "orl"
    sha256: str = "0" * 64
    splits: SplitSettings = SPLITS

    def gather(self, archive: Path, folder: Path, scratch: Path, count: int = 1) -> dict[str, Any]:
        return gather(
            self.name, self.source, archive, self.sha256, self.preprocessing, self.splits, folder, scratch, count
        )


class Alone:
    """Replaces `gather.crops`: preprocesses in this process, and records which pictures it was given."""

    def __init__(self, face_detector: FaceDetector) -> None:
        self.face_detector = face_detector
        self.looked: list[str] = []

    def __call__(self, items: Iterable[Job | Dropped], preprocessing: Preprocessing, _: int) -> Iterator[JobResult]:
        for item in items:
            if isinstance(item, Dropped):
                yield item
                continue
            self.looked.append(item.path)
            (crop,) = preprocess_pictures(
                [item.data], self.face_detector, preprocessing.settings, preprocessing.seed, "found"
            )
            yield (item, crop) if isinstance(crop, Crop) else Dropped(item.path, crop.reason, crop.detail)
