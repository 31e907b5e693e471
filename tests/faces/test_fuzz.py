"""Damaged pictures and archives by the thousand: each is counted, and nothing lands outside the target.

`UNSEEN_FUZZ_FILES=10000 python -m pytest tests/faces/test_fuzz.py` is the long run.
"""

import io
import os
import random
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from archived import Alone

from damaged_pictures import damaged, pictures
from unseen.core.errors import UserError
from unseen.data.shards import open_set
from unseen.data.splits import SplitSettings
from unseen.faces import gather as gathering
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import gather
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Preprocessing
from unseen.sources.shared.settings import SourceSettings

FILES = int(os.environ.get("UNSEEN_FUZZ_FILES", "240"))
EVIL = ("../outside.jpg", "/outside.jpg", "a/../../outside.jpg", "C:/outside.jpg", "..\\outside.jpg")


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def run(archive: Path, place: Path, model: bytes, settings: FaceSettings) -> dict[str, object]:
    source = SourceSettings(archive="a", group="g", use="train", label="real")
    splits = SplitSettings(seed=4, val=0.2, test=0.2)
    return gather(
        "fuzz", source, archive, "0", Preprocessing(model, settings, 1), splits, place / "set", place / "scratch", 2
    )


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_every_damaged_picture_is_counted(
    tmp_path: Path, orl_pictures: dict[str, bytes], face_detector_model: bytes, face_settings: FaceSettings
) -> None:
    draw = random.Random(7)
    files = pictures(orl_pictures, draw)
    archive, place = tmp_path / "fuzz.zip", tmp_path / "in" / "target"
    place.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(FILES):
            name = draw.choice(EVIL) if draw.random() < 0.02 else f"{number:06d}.{draw.choice(('jpg', 'png', 'x.y'))}"
            info = zipfile.ZipInfo(name)
            if draw.random() < 0.01:
                info.external_attr = 0o120777 << 16
            packed.writestr(info, damaged(draw.choice(files), draw))
    before = everything_below(tmp_path)
    counts = run(archive, place, face_detector_model, face_settings)
    assert counts["read"] == FILES
    assert counts["kept"] + sum(counts["dropped"].values()) == FILES  # type: ignore[operator,attr-defined]
    assert "crashed" not in counts["dropped"]  # type: ignore[operator]
    assert counts["kept"] > FILES / 20, "the whole ones among them are kept"  # type: ignore[operator]
    assert open_set(place / "set").counts == counts
    new = everything_below(tmp_path) - before
    assert all(path.startswith("in/target/set") or path == "in/target/scratch" for path in new)


def test_a_damaged_archive_is_refused_or_counted(
    tmp_path: Path,
    orl_pictures: dict[str, bytes],
    face_detector: FaceDetector,
    face_settings: FaceSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a byte of an archive is, the result is a set and its counts, or one line and no set."""
    monkeypatch.setattr(gathering, "crops", Alone(face_detector))  # archives are read in this process
    draw = random.Random(8)
    whole = []
    for kind in ("zip", "tar", "tar.gz"):
        buffer = io.BytesIO()
        faces = list(orl_pictures.items())[:6]
        if kind == "zip":
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
                for name, data in faces:
                    packed.writestr(name, data)
        else:
            with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tar.gz" else "w") as tar:
                for name, data in faces:
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        whole.append(buffer.getvalue())
    ends: Counter[str] = Counter()
    for number in range(max(15, FILES // 50)):
        place = tmp_path / f"{number}" / "target"
        place.mkdir(parents=True)
        archive = tmp_path / f"{number}.archive"
        data = bytearray(whole[number % 3])
        for _ in range(draw.choice((1, 1, 1, 20))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        archive.write_bytes(data if draw.random() < 0.7 else data[: draw.randrange(len(data))])
        try:
            counts = run(archive, place, b"", face_settings)
        except UserError as refused:
            ends["refused"] += 1
            line = str(refused)
        else:
            ends["made"] += 1
            line = ""
            assert counts["kept"]
        assert "\n" not in line
        assert not line or everything_below(place) <= {"scratch"}
        assert {path.name for path in place.parent.iterdir()} == {"target"}
    assert ends["refused"]
    assert ends["made"]
