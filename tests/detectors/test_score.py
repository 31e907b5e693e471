"""Scores of an evaluation set: one row a face, in the schema, the same bytes each time."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from faces_for_training import OrlFaces, encoded, stored
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.data.pictures import load_faces
from unseen.data.predictions import SCHEMA, read_predictions
from unseen.data.shards import open_set
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.scoring.score import score_set
from unseen.detectors.shared.artifact import TrainedDetector, load_detector, save_detector
from unseen.detectors.shared.calibration import Calibration
from unseen.detectors.shared.logits import logits_of
from unseen.faces.settings import FaceSettings

SPLITS = ["train", "val", "test", "test"]


@pytest.fixture
def detector(tmp_path: Path, face_settings: FaceSettings) -> TrainedDetector:
    model = dct_logistic.DctLogistic(32)
    random = torch.Generator().manual_seed(1)
    model.mean += 3.0
    model.scale += 1.5
    model.weight += torch.randn(32 * 32, generator=random, dtype=torch.float64) / 32
    calibration = Calibration(2.0, 0.6, (0.4, 0.7), 0.05, {})
    card = {"name": "dct", "faces": {**face_settings.model_dump(), "side": 32}, "seed": 4}
    save_detector(tmp_path / "dct", model, "dct_logistic", calibration, b"", card)
    return load_detector(tmp_path / "dct")


def store(folder: Path, orl: OrlFaces, use: str, generator: str = "") -> Path:
    files = [encoded(face, quality=90) for face in orl.small]
    stored(folder, files, orl.people, [SPLITS[i % 4] for i in range(120)], use, generator)  # type: ignore[misc]
    return folder


def test_one_row_a_face_in_the_schema(tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces) -> None:
    folder = store(tmp_path / "gan", orl_faces, "held_out", "gan")
    output = tmp_path / "predictions" / "unseen.parquet"
    assert score_set(detector, 0, "unseen", folder, output) == 120
    assert pq.read_schema(output).equals(SCHEMA)
    rows = pq.read_table(output).to_pylist()
    assert len(rows) == 120
    faces = load_faces(
        [open_set(folder)], ["train", "val", "test"], ("id", "sha256", "identity", "source", "attributes")
    )
    for name in ("id", "sha256", "identity", "source", "attributes"):
        assert [row[name] for row in rows] == faces.columns[name]
    assert {(row["set"], row["label"], row["generator"]) for row in rows} == {("unseen", 1, "gan")}
    logits = logits_of(detector.model, faces.pixels, torch.device("cpu"))
    np.testing.assert_allclose([row["logit"] for row in rows], logits, rtol=1e-12)
    assert np.std(logits) > 0.1
    by_hand = 1 / (1 + np.exp(-np.asarray([row["logit"] for row in rows]) / 2.0))
    np.testing.assert_allclose([row["score"] for row in rows], by_hand, rtol=1e-12)


def test_of_a_set_that_trains_only_test_people_are_scored(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces
) -> None:
    folder = store(tmp_path / "orl", orl_faces, "train")
    assert score_set(detector, 0, "known", folder, tmp_path / "known.parquet") == 60
    kept = {f"orl/{number:04d}.jpg" for number in range(120) if SPLITS[number % 4] == "test"}
    frame = read_predictions(tmp_path / "known.parquet")
    assert set(frame["id"]) == kept
    assert set(frame["label"]) == {0}


def test_same_bytes_twice(tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces) -> None:
    folder = store(tmp_path / "orl", orl_faces, "held_out")
    for name in ("one", "two"):
        score_set(detector, 0, "set", folder, tmp_path / name)
    assert sha256_of(tmp_path / "one") == sha256_of(tmp_path / "two")


def test_read_predictions_gives_back_what_was_written(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces
) -> None:
    folder = store(tmp_path / "orl", orl_faces, "held_out")
    score_set(detector, 0, "set", folder, tmp_path / "one.parquet")
    frame = read_predictions(tmp_path / "one.parquet")
    assert list(frame.columns) == SCHEMA.names
    assert frame.to_dict("records") == pq.read_table(tmp_path / "one.parquet").to_pylist()


def test_a_score_that_breaks_off_leaves_no_file(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store(tmp_path / "orl", orl_faces, "held_out")
    monkeypatch.setattr("unseen.detectors.scoring.score.logits_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        score_set(detector, 0, "set", folder, tmp_path / "out" / "one.parquet")
    assert not list((tmp_path / "out").iterdir())


def test_no_faces_is_one_line(tmp_path: Path, detector: TrainedDetector) -> None:
    with pytest.raises(UserError, match="no face set here"):
        score_set(detector, 0, "set", tmp_path / "nowhere", tmp_path / "one.parquet")


def test_faces_of_another_side_are_refused(tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces) -> None:
    files = [encoded(face, quality=90) for face in orl_faces.large[:4]]
    stored(tmp_path / "large", files, orl_faces.people[:4], ["test"] * 4)
    with pytest.raises(UserError, match=r"large: has crops of 64 pixels, but the detector `dct` has 32"):
        score_set(detector, 0, "large", tmp_path / "large", tmp_path / "predictions.parquet")
    assert not (tmp_path / "predictions.parquet").exists()
