"""Faces in files of every kind, scored with a detector whose weights are drawn and not trained."""

import io
import json
import math
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.data.pictures import decode_crop
from unseen.detectors.kinds.dct_logistic import DctLogistic
from unseen.detectors.shared.artifact import save_detector
from unseen.faces.detect import DetectedFace
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.settings import FaceSettings
from unseen.serve.network import LoadedDetector
from unseen.serve.predict import FoundFace, predict, predict_groups, score_face
from unseen.serve.prediction import Face, NotScored, Prediction
from unseen.serve.torch_network import open_detector, with_network

SRC = Path(__file__).resolve().parents[2] / "src"

CALIBRATION = Calibration(temperature=2.0, threshold=0.5, unsure=(0.25, 0.75), max_fpr=0.05, validation={})

TRAINED_ON = {
    "train": {"faces": {"dcgan_fakes": 225, "orl": 220}, "generators": ["dcgan"], "people": 22},
    "val": {"faces": {"dcgan_fakes": 82, "orl": 90}, "generators": ["dcgan"], "people": 9},
}


def make_artifact(folder: Path, face_detector: bytes, faces: FaceSettings) -> Path:
    """A detector's folder, with drawn weights. Its encode has one quality, so that the same pixels get the same
    score in any file."""
    settings = faces.model_dump() | {"jpeg": {"low": 90, "high": 90}}
    model = DctLogistic(faces.side)
    random = torch.Generator().manual_seed(1)
    model.scale.fill_(1.0)
    model.weight.copy_(0.02 * torch.randn(model.weight.shape, generator=random, dtype=torch.float64))
    card = {"name": "drawn", "faces": settings, "seed": 4, "settings": {}, "trained_on": TRAINED_ON}
    save_detector(folder, model, "dct_logistic", CALIBRATION, face_detector, card)
    return folder


@pytest.fixture(scope="session")
def artifact(
    tmp_path_factory: pytest.TempPathFactory, face_detector_model: bytes, face_settings: FaceSettings
) -> Path:
    """A detector's folder, not to be changed."""
    return make_artifact(tmp_path_factory.mktemp("models") / "drawn", face_detector_model, face_settings)


@pytest.fixture(scope="session")
def opened(artifact: Path) -> LoadedDetector:
    """The same detector, ready to score."""
    return with_network(*open_detector(artifact))


@pytest.fixture
def png(portrait: Image.Image) -> bytes:
    """The portrait's exact pixels as a file."""
    return encoded(portrait, "PNG")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def predictions(opened: LoadedDetector, *paths: Path, batch: int = 32) -> list[Prediction]:
    """The predictions for some files."""
    return list(predict([str(path) for path in paths], opened, batch))


def rows_of(opened: LoadedDetector, *paths: Path, batch: int = 32) -> list[Face | NotScored]:
    """Every face and reason for some files."""
    return [row for one in predictions(opened, *paths, batch=batch) for row in (*one.faces, *one.not_scored)]


def only(opened: LoadedDetector, path: Path, data: bytes) -> Face | NotScored:
    """The one row for a file with these bytes."""
    path.write_bytes(data)
    (row,) = rows_of(opened, path)
    return row


def test_score_is_that_of_preprocessing_the_model_and_the_frozen_numbers(
    opened: LoadedDetector, tmp_path: Path, png: bytes
) -> None:
    row = only(opened, tmp_path / "a.png", png)
    (crop,) = preprocess_pictures([png], opened.face_detector, opened.faces, 4, "found")
    assert isinstance(crop, Crop)
    logit = opened.network.logits([decode_crop(crop.jpeg)])[0]
    assert isinstance(row, Face)
    assert row.logit == pytest.approx(logit, abs=1e-9)
    assert row.calibrated_logit == pytest.approx(logit / CALIBRATION.temperature, abs=1e-9)
    assert row.score == pytest.approx(1 / (1 + math.exp(-logit / CALIBRATION.temperature)), abs=1e-9)
    left, top, right, bottom = crop.face.box
    assert row.box == (round(left), max(round(top), 0), row.box[2], row.box[3])
    assert left + row.box[2] == pytest.approx(min(right, 92), abs=1)
    assert top + row.box[3] == pytest.approx(min(bottom, 112), abs=1)


def test_the_quality_of_the_encode_is_drawn_from_the_files_hash_and_the_cards_seed(
    artifact: Path, tmp_path: Path, png: bytes
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copytree(artifact, folder, dirs_exist_ok=True)
    card = json.loads((folder / "detector.json").read_text())
    card["faces"]["jpeg"] = {"low": 20, "high": 95}
    scores = []
    for seed in (1, 1, 2):
        (folder / "detector.json").write_text(json.dumps(card | {"seed": seed}))
        row = only(with_network(*open_detector(folder)), tmp_path / "a.png", png)
        assert isinstance(row, Face)
        scores.append(row.score)
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize(
    ("score", "said", "above"),
    [
        (0.0, "not flagged", False),
        (0.2499, "not flagged", False),
        (0.25, "unsure", False),
        (0.4999, "unsure", False),
        (0.5, "unsure", True),
        (0.75, "unsure", True),
        (0.7501, "fake", True),
        (1.0, "fake", True),
    ],
)
def test_verdict_at_the_edges(score: float, said: str, above: bool) -> None:
    class Exact(Calibration):
        def score(self, logits: object) -> np.ndarray:  # type: ignore[override]
            return np.asarray(logits)

    exact = Exact(1.0, 0.5, (0.25, 0.75), 0.05, {})
    detected = DetectedFace((0, 0, 1, 1), (), 0.9)
    row = score_face(FoundFace((0, 0, 1, 1), detected, np.zeros((1, 1, 3), np.uint8)), score, exact)
    assert (row.verdict, row.above_threshold, row.why) == (said, above, "in_band" if said == "unsure" else "")


def test_every_face_in_a_picture(opened: LoadedDetector, tmp_path: Path, orl_pictures: dict[str, bytes]) -> None:
    faces = [Image.open(io.BytesIO(data)).convert("RGB") for data in list(orl_pictures.values())[:3]]
    sheet = Image.new("RGB", (3 * 112, 112), "grey")
    for i, face in enumerate(faces):
        sheet.paste(face, (i * 112 + 10, 0))
    path = tmp_path / "three.png"
    path.write_bytes(encoded(sheet, "PNG"))
    rows = rows_of(opened, path)
    assert all(isinstance(row, Face) for row in rows)
    assert sorted(row.box[0] // 112 for row in rows if row.box) == [0, 1, 2]
    assert len({row.score for row in rows if isinstance(row, Face)}) == 3


def test_a_face_that_is_too_small_has_a_row_beside_the_others(
    opened: LoadedDetector, tmp_path: Path, portrait: Image.Image
) -> None:
    sheet = Image.new("RGB", (400, 300), "grey")
    sheet.paste(portrait.resize((184, 224)), (10, 10))
    sheet.paste(portrait.resize((29, 35)), (300, 150))
    path = tmp_path / "two.png"
    path.write_bytes(encoded(sheet, "PNG"))
    rows = rows_of(opened, path)
    assert [type(row) for row in rows] == [Face, NotScored]
    assert isinstance(rows[1], NotScored)
    assert rows[1].reason == "too_small"
    assert rows[1].box is not None
    assert rows[1].box[0] >= 300


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_face", "no_face"),
        ("truncated", "damaged"),
        ("empty", "empty"),
        ("text", "not_an_image"),
        ("gone", "not_found"),
        ("folder", "not_found"),
        ("pipe", "unreadable"),
    ],
)
def test_what_has_no_score_has_a_reason_and_stops_nothing(
    opened: LoadedDetector,
    tmp_path: Path,
    portrait: Image.Image,
    png: bytes,
    name: str,
    reason: str,
) -> None:
    bad = tmp_path / name
    files = {
        "no_face": encoded(Image.new("RGB", (200, 200), "teal"), "PNG"),
        "truncated": encoded(portrait, "JPEG")[:900],
        "empty": b"",
        "text": b"no picture at all",
    }
    if name in files:
        bad.write_bytes(files[name])
    elif name == "folder":
        bad.mkdir()
    elif name == "pipe":
        os.mkfifo(bad)
    good = tmp_path / "good.png"
    good.write_bytes(png)
    before, row, after = rows_of(opened, good, bad, good)
    assert isinstance(before, Face)
    assert isinstance(after, Face)
    assert after.score == pytest.approx(before.score, abs=1e-9)
    assert isinstance(row, NotScored)
    assert (row.reason, row.box) == (reason, None)
    assert row.detail


def test_a_file_above_the_limit_is_not_read(
    opened: LoadedDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, png: bytes
) -> None:
    monkeypatch.setattr("unseen.serve.inputs.MAX_MEMBER_BYTES", len(png) - 1)
    row = only(opened, tmp_path / "a.png", png)
    assert isinstance(row, NotScored)
    assert row.reason == "too_large"


def test_cmyk(opened: LoadedDetector, tmp_path: Path, portrait: Image.Image, png: bytes) -> None:
    row = only(opened, tmp_path / "a.jpg", encoded(portrait.convert("CMYK"), "JPEG", quality=98))
    upright = only(opened, tmp_path / "b.png", png)
    assert isinstance(row, Face)
    assert isinstance(upright, Face)
    assert np.allclose(row.box, upright.box, atol=2)


def test_exif_orientation_is_applied(
    opened: LoadedDetector, tmp_path: Path, portrait: Image.Image, png: bytes
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    turned = encoded(portrait.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    row, upright = only(opened, tmp_path / "a.png", turned), only(opened, tmp_path / "b.png", png)
    assert isinstance(row, Face)
    assert isinstance(upright, Face)
    assert row.box == upright.box
    assert row.score == pytest.approx(upright.score, abs=1e-6)


@pytest.fixture
def people(tmp_path: Path, orl_pictures: dict[str, bytes]) -> list[Path]:
    """Twenty faces and, among them, four files without one."""
    paths = []
    for i, data in enumerate(list(orl_pictures.values())[:20]):
        if i % 5 == 1:
            paths.append(tmp_path / f"{i}.txt")
            paths[-1].write_bytes(b"")
        paths.append(tmp_path / f"{i}.pgm")
        paths[-1].write_bytes(data)
    return paths


def test_same_result_alone_and_with_others(opened: LoadedDetector, people: list[Path]) -> None:
    together = rows_of(opened, *people)
    assert [one.name for one in predictions(opened, *people)] == [str(path) for path in people]
    for batch in (1, 3):
        for row, one in zip(rows_of(opened, *people, batch=batch), together, strict=True):
            assert type(row) is type(one)
            assert row.box == one.box
            if isinstance(row, Face) and isinstance(one, Face):
                assert row.logit == pytest.approx(one.logit, abs=1e-9)
                assert row.verdict == one.verdict
    assert len({row.logit for row in together if isinstance(row, Face)}) == 20


def test_looks_only_a_little_ahead(opened: LoadedDetector, people: list[Path]) -> None:
    asked: list[str] = []

    def paths() -> Iterator[str]:
        for i in range(10_000):
            asked.append(str(people[i % len(people)]))
            yield asked[-1]

    stream = predict(paths(), opened, 4)
    assert next(stream).name == str(people[0])
    assert len(asked) <= 3 * 4, "at most two batches until there are four faces, and one that is prefetched"
    stream.close()  # type: ignore[attr-defined]


def test_frames_do_not_wait_in_memory(
    opened: LoadedDetector, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that are already in memory, such as frames of a video, are scored in the same groups."""
    frames = [np.roll(np.asarray(portrait), shift, axis=1) for shift in range(12)]
    given: list[weakref.ref[np.ndarray]] = []
    held: list[int] = []
    expected = [[one.faces for one in group] for group in predict_groups(frames, opened, 8)]

    def read() -> Iterator[np.ndarray]:
        for pixels in frames:
            frame = pixels.copy()
            given.append(weakref.ref(frame))
            held.append(sum(one() is not None for one in given))
            yield frame

    monkeypatch.setattr("unseen.serve.predict.HELD_BYTES", 2 * frames[0].nbytes)
    found = [[one.faces for one in group] for group in predict_groups(read(), opened, 8)]
    assert found == expected
    assert max(held) <= 4  # two that are prepared, and the two that were before


def test_logits_that_are_not_finite_are_an_error_and_no_score(
    opened: LoadedDetector, artifact: Path, tmp_path: Path, png: bytes
) -> None:
    detector, face_detector = open_detector(artifact)
    detector.model.bias.fill_(float("nan"))  # type: ignore[operator,union-attr]
    path = tmp_path / "a.png"
    path.write_bytes(png)
    with pytest.raises(UserError, match="not finite"):
        rows_of(with_network(detector, face_detector), path)


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("detector.json", b"{"),
        ("detector.json", b"[]"),
        ("detector.json", b"{}"),
        ("weights.safetensors", b"x"),
        ("weights.safetensors", None),
        ("face_detector.onnx", b"x"),
        ("face_detector.onnx", None),
    ],
)
def test_a_damaged_artifact_is_one_line(artifact: Path, tmp_path: Path, file: str, data: bytes | None) -> None:
    shutil.copytree(artifact, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).unlink()
    if data is not None:
        (tmp_path / file).write_bytes(data)
    with pytest.raises(
        UserError, match=r"(damaged|not found).*; copy it again from where `dvc repro` made it"
    ) as caught:
        open_detector(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


OPENED_FILES = """
import json, sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
from unseen.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, opened]))
"""


def test_reads_nothing_but_the_artifact_and_the_picture(artifact: Path, tmp_path: Path, png: bytes) -> None:
    (tmp_path / "empty").mkdir()
    picture = tmp_path / "a.png"
    picture.write_bytes(png)
    done = subprocess.run(
        [sys.executable, "-c", OPENED_FILES, "predict", str(picture), "--detector", str(artifact)],
        cwd=tmp_path / "empty",
        env={"PYTHONPATH": str(SRC), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    code, opened = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    ours = {path for path in opened if path.startswith((str(tmp_path), str(artifact), str(SRC.parent)))}
    read = {path for path in ours if not path.startswith(str(SRC)) and "site-packages" not in path}
    expected = {str(artifact / name) for name in ("detector.json", "weights.safetensors", "face_detector.onnx")}
    assert expected - read <= {str(artifact / "weights.safetensors")}  # mapped by safetensors, unseen by Python
    assert read <= expected | {str(picture), str(artifact / "gate.json")}
    assert list((tmp_path / "empty").iterdir()) == []
