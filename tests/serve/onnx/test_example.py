"""The example of an export: it needs no package of this project, and has the verdicts of `unseen predict`."""

import io
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import unseen
from unseen.gate.limits import FILE, Limits, Statistics
from unseen.gate.statistics import quality_of, side_of, turn_of
from unseen.serve.onnx import gate
from unseen.serve.onnx.export import EXAMPLE
from unseen.serve.onnx.folder import open_exported
from unseen.serve.predict import PreparedPicture, find_faces

FILES = 30


def saved(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)
    return path


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, orl_pictures: dict[str, bytes]) -> list[str]:
    """Faces as they are, enlarged, recompressed, turned, with a colour profile, too small; two faces, and none."""
    folder = tmp_path_factory.mktemp("changed")
    given = [Image.open(io.BytesIO(data)).convert("RGB") for data in list(orl_pictures.values())[: FILES - 3]]
    turned, profile = Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned[0x0112] = 6
    made = []
    for number, face in enumerate(given):
        path = folder / f"{number:02d}"
        width, height = face.size
        if number % 4 == 1:
            face = face.resize((width // 2, height // 2)).resize((3 * width, 3 * height), Image.Resampling.BICUBIC)
        if number % 4 == 2:
            face = face.resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
        if number % 4 == 3:
            small = io.BytesIO()
            face.resize((64, 78)).save(small, "JPEG", quality=[8, 15, 25][number % 3])
            face = Image.open(small)
        if number % 5 == 1:
            wide = Image.new("RGB", (face.width + 90, face.height + 50), (90, 120, 160))
            wide.paste(face, (60, 20))
            made.append(
                saved(wide.rotate(90, expand=True), path.with_suffix(".png"), icc_profile=profile, exif=turned)
            )
        else:
            made.append(saved(face, path.with_suffix(".jpg"), quality=70 + number))
    both = Image.new("RGB", (320, 160), (60, 60, 60))
    both.paste(given[0], (20, 20))
    both.paste(given[1], (190, 30))
    made.append(saved(both, folder / "two.png"))
    both.paste(given[2].resize((30, 36)), (130, 100))
    made.append(saved(both, folder / "small.png"))
    made.append(saved(Image.new("RGB", (99, 80)), folder / "none.png"))
    made.append(saved(given[3].convert("L"), folder / "grey.png", icc_profile=profile))  # a profile that does not fit
    made.append(saved(given[4].convert("CMYK"), folder / "cmyk.jpg"))
    seen_through = given[5].convert("RGBA")
    seen_through.putalpha(Image.linear_gradient("L").resize(seen_through.size))
    made.append(saved(seen_through, folder / "transparent.png"))
    return list(map(str, made))


@pytest.fixture(scope="module")
def gated(exported: Path, changed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export with limits and a threshold in the middle of these faces, so that each verdict occurs."""
    folder = tmp_path_factory.mktemp("gated") / "out"
    shutil.copytree(exported, folder)
    detector = unseen.load(folder, backend="onnx")
    scale = detector.loaded.faces.scale
    found = [
        Statistics(quality_of(face.pixels), side_of(face.detected.landmarks, scale), turn_of(face.detected.landmarks))
        for picture in _prepared(folder, changed)
        for face in picture.faces
    ]
    limits = Limits(
        sharpness=float(np.quantile([one.quality.sharpness for one in found], 0.2)),
        blockiness=float(np.quantile([one.quality.blockiness for one in found], 0.9)),
        side=float(np.quantile([one.side for one in found], 0.15)),
        turn=float(np.quantile([one.turn for one in found], 0.85)),
        faces={"reals": 1, "fakes": 1},
        outside={"reals": 0.0, "fakes": 0.0},
    )
    (folder / FILE).write_text(json.dumps(limits.as_dict()))
    scores = sorted(face.score for picture in detector.predict(changed) for face in picture)
    middle = len(scores) // 2
    card = json.loads((folder / "detector.json").read_text())
    edges = {"threshold": scores[middle], "unsure": [scores[middle - 3], scores[middle]]}
    card["calibration"] |= edges
    (folder / "detector.json").write_text(json.dumps(card))
    return folder


def _prepared(folder: Path, paths: list[str]) -> list[PreparedPicture]:
    loaded = open_exported(folder)
    return [find_faces(path, path, loaded) for path in paths]


def test_the_verdicts_are_those_of_predict(gated: Path, changed: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, gated / "example.py", *changed], env={}, capture_output=True, text=True, check=True
    )
    expected, seen = [], Counter[str]()
    for picture in unseen.load(gated, backend="onnx").predict(changed):
        expected += [(face.verdict, face.why, face.logit, face.score) for face in picture]
        seen.update(face.why or face.verdict for face in picture)
        seen.update(one.reason for one in picture.not_scored)
    assert set(seen) == {
        "fake", "not flagged", "in_band", "small_face", "degraded", "profile", "too_small", "no_face"
    }  # fmt: skip
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [line[2] for line in lines].count("too_small") == seen["too_small"]
    scored = [line for line in lines if line[2] != "too_small"]
    assert [(line[2], "".join(line[4:])) for line in scored] == [(verdict, why) for verdict, why, *_ in expected]
    for line, (*_, logit, score) in zip(scored, expected, strict=True):
        assert (float(line[0]), float(line[1])) == pytest.approx((logit, score), abs=1e-4)


def test_what_is_no_picture_is_a_line_and_the_next_one_is_scored(
    gated: Path, changed: list[str], tmp_path: Path
) -> None:
    whole = Path(changed[0]).read_bytes()
    face = Image.open(changed[0])
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.jpg").write_text("<html>")
    (tmp_path / "empty.jpg").write_bytes(b"")
    saved(face, tmp_path / "moving.gif", save_all=True, append_images=[face.rotate(90)])
    Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257).save(tmp_path / "deep.png")
    bad = [
        str(tmp_path / name) for name in ("cut.jpg", "page.jpg", "empty.jpg", "moving.gif", "deep.png", "none.jpg")
    ]
    done = subprocess.run(
        [sys.executable, gated / "example.py", *bad, changed[0]], env={}, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.startswith(f"-  -  not_scored  '{path}': ") for path, line in zip(bad, lines, strict=False)] == 6 * [
        True
    ]
    assert len(lines) == 7
    assert done.stderr == ""


def test_the_statistics_are_those_of_the_gate(gated: Path, changed: list[str]) -> None:
    scale = open_exported(gated).faces.scale
    compared = 0
    for picture in _prepared(gated, changed):
        for face in picture.faces:
            marks = face.detected.landmarks
            own = quality_of(face.pixels)
            assert gate.quality_of(face.pixels) == (own.sharpness, own.blockiness)
            assert (round(gate.square_around(marks, scale)[2], 1), gate.turn_of(marks)) == (
                side_of(marks, scale),
                turn_of(marks),
            )
            compared += 1
    assert compared >= 25
    for pixels in (
        np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8),
        np.zeros((64, 64, 3), np.uint8),
    ):
        own = quality_of(pixels)
        assert gate.quality_of(pixels) == (own.sharpness, own.blockiness)


def test_the_example_is_short_and_stands_alone(exported: Path) -> None:
    text = {name: (exported / name).read_text() for name in EXAMPLE}
    assert len(text["example.py"].splitlines()) <= 65
    assert not [name for name in EXAMPLE if "import unseen" in text[name] or "from unseen" in text[name]]
    imported = {
        line.split()[1].split(".")[0]
        for line in text["gate.py"].splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported == {"collections", "math", "numpy"}
