"""From an archive to a set: every picture is kept, or counted with its reason."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archived import SEED, SPLITS, Task, encoded, files_of_140k, files_of_720k, source, zipped
from PIL import Image

from faces_for_training import bytes_below
from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.data.face_rows import SCHEMA
from unseen.data.shards import open_set
from unseen.data.splits import split_of
from unseen.faces import checkpoint
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Preprocessing
from unseen.sources import catalogue


@pytest.fixture
def task(face_detector_model: bytes, face_settings: FaceSettings) -> Task:
    return Task(Preprocessing(face_detector_model, face_settings, SEED), source())


def stored(folder: Path) -> list[dict[str, Any]]:
    """Every row of a set."""
    batches = open_set(folder).batches(["train", "val", "test"], SCHEMA.names)
    return [row for batch in batches for row in batch.to_pylist()]


def files_below(folder: Path) -> set[str]:
    return set(bytes_below(folder))


def broken_files(portrait: Image.Image) -> dict[str, tuple[bytes, str]]:
    """Files that can't become a face, each with the reason."""
    noise = np.random.default_rng(4).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    jpeg = encoded(portrait, "JPEG")
    return {
        "s1/animated.gif": (encoded(portrait, "GIF", save_all=True, append_images=[portrait.rotate(5)]), "animated"),
        "s1/cut off.jpg": (jpeg[: len(jpeg) // 2], "damaged"),
        "s1/empty.jpg": (b"", "empty"),
        "s1/float.tif": (encoded(portrait.convert("F"), "TIFF"), "unsupported_mode"),
        "s1/noise.png": (encoded(Image.fromarray(noise)), "no_face"),
        "s1/notes.txt": (b"not a picture", "not_an_image"),
        "somebody.png": (encoded(portrait), "no_identity"),
    }


def test_every_picture_is_kept_or_counted(
    tmp_path: Path, portrait: Image.Image, orl_pictures: dict[str, bytes], task: Task
) -> None:
    broken = broken_files(portrait)
    tiny = Image.new("RGB", (200, 160), "grey")
    tiny.paste(portrait.resize((23, 28), Image.Resampling.LANCZOS), (80, 60))
    two = Image.new("RGB", (500, 320), "grey")
    two.paste(portrait, (20, 180))
    two.paste(portrait.resize((184, 224)), (200, 40))
    good = {name: data for name, data in orl_pictures.items() if name.split("/")[-2] in ("s1", "s2", "s3", "s30")}
    good["s4/a, b..ö.png"] = encoded(two)
    files = {**good, **{name: data for name, (data, _) in broken.items()}, "s5/tiny.png": encoded(tiny)}
    archive = zipped(tmp_path / "faces.zip", files)
    # A bit of a stored picture turns over: its checksum tells.
    archive.write_bytes(archive.read_bytes().replace(b"not a picture", b"not a picturf"))

    counts = task.gather(archive, tmp_path / "set", tmp_path / "scratch", 2)

    reasons = {name: reason for name, (_, reason) in broken.items()}
    reasons |= {"s1/notes.txt": "damaged_member", "s5/tiny.png": "too_small"}
    with (tmp_path / "set/dropped.csv").open(newline="", encoding="utf-8") as handle:
        dropped = list(csv.DictReader(handle))
    assert {row["path"]: row["reason"] for row in dropped} == reasons
    assert [row["path"] for row in dropped] == sorted(reasons)
    assert counts["read"] == len(files) == counts["kept"] + sum(counts["dropped"].values())
    assert counts["kept"] == len(good) == sum(counts["splits"].values()) == sum(counts["identities"].values())
    assert counts["dropped"] == dict.fromkeys(sorted(set(reasons.values())), 1)
    assert counts["notes"] == {"several_faces_main_one_kept": 1}
    assert read_json(tmp_path / "set/set.json")["counts"] == counts

    rows = stored(tmp_path / "set")
    assert [row["image"]["path"] for row in rows] == sorted(good)
    for row in rows:
        path = row["image"]["path"]
        assert row["id"] == f"orl/{path}"
        assert row["sha256"] == hashlib.sha256(good[path]).hexdigest()
        assert row["identity"] == f"orl/{path.split('/')[-2]}"
        assert row["split"] == split_of(row["identity"], SPLITS)
        assert (row["label"], row["generator"], row["source"]) == (0, "", "orl")
        assert (row["width"], row["height"]) == Image.open(io.BytesIO(good[path])).size
        assert dict(row["original"])["format"] == Image.open(io.BytesIO(good[path])).format
        assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (task.preprocessing.settings.side,) * 2


def test_nothing_is_written_outside_the_sets_folder(tmp_path: Path, portrait_bytes: bytes, task: Task) -> None:
    names = ["s1/1.pgm", "../s1/out.pgm", "s1/../../../../out.pgm", f"{tmp_path}/s1/out.pgm", "s1/..\\..\\out.pgm"]
    archive = zipped(tmp_path / "faces.zip", dict.fromkeys(names, portrait_bytes))
    counts = task.gather(archive, tmp_path / "data/faces/people/orl", tmp_path / "scratch")
    assert (counts["kept"], counts["dropped"]) == (5, {})
    parts = {f"data/faces/people/orl/{name}" for name in ("dropped.csv", "index.parquet", "part-00000.parquet")}
    assert files_below(tmp_path) == {"faces.zip", "data/faces/people/orl/set.json", *parts}


def test_system_files_are_counted_as_ignored(
    tmp_path: Path, portrait_bytes: bytes, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    left = ["__MACOSX/s1/._1.pgm", "s1/.DS_Store", "s1/Thumbs.db"]
    files = {"s1/1.pgm": portrait_bytes, "s1/12:30.pgm": portrait_bytes, "s1/esc\x1b[2J.txt": b"x"}
    archive = zipped(tmp_path / "faces.zip", files | dict.fromkeys(left, b"Mac OS X"))
    counts = task.gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert (counts["read"], counts["kept"], counts["dropped"]) == (3, 2, {"not_an_image": 1})
    assert counts["ignored"] == {"system_file": 3}
    assert capsys.readouterr().err.splitlines()[-1] == (
        r"faces orl: 2 of 3 pictures kept; dropped 1 as not_an_image "
        r"(such as s1/esc\x1b[2J.txt: no known image format (UnidentifiedImageError)), "
        rf"ignored 3 as system_file (such as {left[0]}); all are in {tmp_path / 'set/dropped.csv'}"
    )
    assert read_json(tmp_path / "set/set.json")["examples"]["system_file"] == left[0]
    assert "\x1b" not in (tmp_path / "set/dropped.csv").read_text()


def test_fakes_are_gathered_as_fakes(tmp_path: Path, portrait_bytes: bytes, task: Task) -> None:
    archive = zipped(tmp_path / "fakes.zip", {"s1/1.pgm": portrait_bytes})
    fakes = source(label="fake", generator="somegan", use="held_out")
    replace(task, name="somebodys", source=fakes).gather(archive, tmp_path / "set", tmp_path / "scratch")
    found = open_set(tmp_path / "set")
    (row,) = stored(tmp_path / "set")
    assert (found.label, found.use, row["label"], row["generator"]) == (1, "held_out", 1, "somegan")


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        (files_of_140k, {"ffhq_140k": "real", "stylegan_140k": "fake"}),
        (files_of_720k, {"ai_vs_human_real": "real", "ai_vs_human_fake": "fake"}),
    ],
    ids=["140k", "720k"],
)
def test_the_catalogues_own_blocks_keep_every_picture_under_its_label(
    tmp_path: Path,
    orl_pictures: dict[str, bytes],
    task: Task,
    tree: Callable[[Iterator[bytes]], dict[str, bytes]],
    names: dict[str, str],
) -> None:
    files = tree(iter(orl_pictures.values()))
    archive = zipped(tmp_path / "archive.zip", files)
    ids: list[str] = []
    for name, word in names.items():
        blocks = replace(task, name=name, source=catalogue.load_catalogue().sources[name])
        counts = blocks.gather(archive, tmp_path / name, tmp_path / "scratch")
        expected = {path: data for path, data in files.items() if f"/{word}/" in path}
        assert (counts["kept"], counts["dropped"]) == (len(expected), {})
        rows = stored(tmp_path / name)
        assert [row["image"]["path"] for row in rows] == sorted(expected)
        assert [row["sha256"] for row in rows] == [
            hashlib.sha256(expected[path]).hexdigest() for path in sorted(expected)
        ]
        assert {row["label"] for row in rows} == {int(word == "fake")}
        assert len({row["identity"] for row in rows}) == len(rows)
        ids += [row["id"] for row in rows]
    assert len(set(ids)) == len(ids) == sum(path.endswith(".jpg") for path in files)


def test_nothing_but_bad_pictures_is_an_error(
    tmp_path: Path, portrait: Image.Image, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "BLOCK", 4)
    files = {name: data for name, (data, _) in broken_files(portrait).items()}
    archive = zipped(tmp_path / "faces.zip", files)
    with pytest.raises(UserError, match=rf"`orl`.*{len(files)} pictures.*no_face") as caught:
        task.gather(archive, tmp_path / "sets/orl", tmp_path / "scratch")
    assert "\n" not in str(caught.value)
    assert files_below(tmp_path) == {"faces.zip"}
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_glob_that_matches_nothing_is_an_error(tmp_path: Path, portrait_bytes: bytes, task: Task) -> None:
    archive = zipped(tmp_path / "faces.zip", {"s1/1.pgm": portrait_bytes})
    with pytest.raises(UserError, match=r"`orl`.*no pictures"):
        replace(task, source=source(members="*.jpg")).gather(archive, tmp_path / "set", tmp_path / "scratch")
    assert files_below(tmp_path) == {"faces.zip"}


def test_an_archive_that_is_none_leaves_nothing(tmp_path: Path, task: Task) -> None:
    (tmp_path / "faces.zip").write_bytes(b"an error page")
    with pytest.raises(UserError, match=r"faces\.zip"):
        task.gather(tmp_path / "faces.zip", tmp_path / "set", tmp_path / "scratch")
    assert files_below(tmp_path) == {"faces.zip"}
