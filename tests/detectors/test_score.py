"""Scores of an evaluation set: one row a face, in the schema, the same bytes each time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from faces_for_training import OrlFaces, encoded, stored
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.data.pictures import load_faces
from unseen.data.predictions import SCHEMA, read_predictions
from unseen.data.shards import open_set
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.scoring.score import score_set, score_sets
from unseen.detectors.shared.artifact import (
    TrainedDetector,
    load_detector,
    load_trainings,
    save_detector,
    save_trainings,
)
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


def trainings(folder: Path, detector: TrainedDetector, seeds: Sequence[int]) -> Path:
    """An artifact with a network for each training seed, whose weights differ by a factor."""
    networks = {}
    for seed in seeds:
        model = dct_logistic.DctLogistic(32)
        model.load_state_dict(detector.model.state_dict())
        model.weight *= 1 + seed
        networks[seed] = (model, replace(detector.calibration, temperature=1.0 + seed))
    save_trainings(folder, "dct_logistic", networks, b"", {"name": "dct", "faces": detector.faces.model_dump()})
    return folder


def test_every_network_scores_every_set(tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces) -> None:
    for name in ("one", "two"):
        store(tmp_path / "sets" / name, orl_faces, "held_out")
    folder = trainings(tmp_path / "three", detector, (4, 5, 6))
    score_sets(folder, ["one", "two"], tmp_path / "sets", tmp_path / "predictions", tmp_path / "scratch")
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == ["one.parquet", "two.parquet"]
    frame = read_predictions(tmp_path / "predictions/one.parquet")
    assert frame["seed"].unique().tolist() == [4, 5, 6]
    for seed, own in frame.groupby("seed"):
        score_set(
            load_detector(folder if seed == 4 else folder / f"seeds/{seed}"),
            int(str(seed)),
            "one",
            tmp_path / "sets/one",
            tmp_path / "alone.parquet",
        )
        alone = read_predictions(tmp_path / "alone.parquet")
        np.testing.assert_array_equal(own["logit"], alone["logit"])
        np.testing.assert_array_equal(own["score"], alone["score"])
    assert frame.groupby("seed")["logit"].std().is_unique


def test_only_what_is_new_is_scored(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        store(tmp_path / "sets" / name, orl_faces, "held_out")
    scored: list[tuple[str, int]] = []

    def spy(trained: TrainedDetector, seed: int, name: str, folder: Path, output: Path) -> int:
        scored.append((name, seed))
        return score_set(trained, seed, name, folder, output)

    monkeypatch.setattr("unseen.detectors.scoring.score.score_set", spy)

    def run(seeds: Sequence[int], names: Sequence[str]) -> list[tuple[str, int]]:
        scored.clear()
        folder = trainings(tmp_path / "artifact", detector, seeds)
        score_sets(folder, names, tmp_path / "sets", tmp_path / "predictions", tmp_path / "scratch")
        return sorted(scored)

    assert run((4,), ["one"]) == [("one", 4)]
    before = (tmp_path / "predictions/one.parquet").read_bytes()
    assert run((4,), ["one", "two"]) == [("two", 4)]
    assert (tmp_path / "predictions/one.parquet").read_bytes() == before
    assert run((4, 5), ["two"]) == [("two", 5)]
    assert run((4, 5), ["two"]) == []
    assert len(list((tmp_path / "scratch").iterdir())) == 2, "what is not used is removed"
    store(tmp_path / "sets/two", orl_faces, "held_out", "gan")
    assert run((4, 5), ["two"]) == [("two", 4), ("two", 5)]


def test_seeds_are_read_in_the_order_of_numbers(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces
) -> None:
    """As text, 10 comes before 9, and so in a JSON file with sorted keys."""
    store(tmp_path / "sets/one", orl_faces, "held_out")
    folder = trainings(tmp_path / "nine", detector, (9, 10, 11))
    assert [(seed, one.card["training_seed"]) for seed, one in load_trainings(folder)] == [(9, 9), (10, 10), (11, 11)]
    score_sets(folder, ["one"], tmp_path / "sets", tmp_path / "predictions", tmp_path / "scratch")
    assert read_predictions(tmp_path / "predictions/one.parquet")["seed"].unique().tolist() == [9, 10, 11]


def test_a_damaged_score_in_the_cache_is_made_again(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces, capsys: pytest.CaptureFixture[str]
) -> None:
    store(tmp_path / "sets/one", orl_faces, "held_out")
    folder = trainings(tmp_path / "artifact", detector, (4,))
    run = lambda: score_sets(folder, ["one"], tmp_path / "sets", tmp_path / "predictions", tmp_path / "scratch")  # noqa: E731
    run()
    whole = (tmp_path / "predictions/one.parquet").read_bytes()
    (part,) = (tmp_path / "scratch").rglob("predictions.parquet")
    content = part.read_bytes()
    one = len(content) // 3
    flipped = content[:one] + bytes([content[one] ^ 1]) + content[one + 1 :]
    (tmp_path / "scratch/stray.txt").write_text("not a folder")
    for damaged in (content[:-40], flipped, b""):
        part.write_bytes(damaged)
        run()
        assert (tmp_path / "predictions/one.parquet").read_bytes() == whole
        assert "the set is scored again" in capsys.readouterr().err


def test_a_score_without_its_hash_is_made_again(
    tmp_path: Path, detector: TrainedDetector, orl_faces: OrlFaces
) -> None:
    """A kill between the two files leaves it."""
    store(tmp_path / "sets/one", orl_faces, "held_out")
    folder = trainings(tmp_path / "artifact", detector, (4,))
    run = lambda: score_sets(folder, ["one"], tmp_path / "sets", tmp_path / "predictions", tmp_path / "scratch")  # noqa: E731
    run()
    (part,) = (tmp_path / "scratch").rglob("predictions.parquet")
    (digest,) = (tmp_path / "scratch").rglob("predictions.sha256")
    digest.unlink()
    before = part.stat().st_ino
    run()
    assert part.stat().st_ino != before
    assert digest.read_text() == sha256_of(part)
