"""Where the faces of a check come from."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from faces_for_training import encoded, stored
from unseen.core import training_seeds
from unseen.core.errors import UserError
from unseen.detectors.shared.artifact import TrainedDetector, load_detector
from unseen.serve.onnx import check_faces
from unseen.serve.onnx.check_faces import faces_for_check

SIDE = 64

TRAIN_ON = {"train_on": {"reals": "faces/people", "fakes": "fakes/own"}}


def a_set(folder: Path, count: int, generator: str = "", use: str = "train") -> None:
    """A set of grey faces, each with a level of its own; every second person is for validation."""
    files = [encoded(np.full((SIDE, SIDE, 3), 5 * number, np.uint8), quality=95) for number in range(count)]
    splits = [("train", "val")[number % 2] for number in range(count)]
    stored(folder, files, [f"p{number}" for number in range(count)], splits, use, generator)  # type: ignore[arg-type]


@pytest.fixture
def detector(drawn: Path, tmp_path: Path) -> TrainedDetector:
    """A detector in a project with its training data."""
    for folder, generator in (("faces/people/orl", ""), ("fakes/own/gan", "gan")):
        a_set(tmp_path / "project/data/sets" / folder, 20, generator)
    loaded = load_detector(drawn)
    folder = tmp_path / "project/models/detectors/drawn"
    return dataclasses.replace(loaded, folder=folder, card=loaded.card | {"settings": TRAIN_ON})


def test_validation_faces_of_the_detectors_own_project(detector: TrainedDetector) -> None:
    found = faces_for_check(detector, None)
    assert (found.validation, len(found.crops)) == (True, 20)
    assert found.labels is not None
    assert found.labels.tolist() == [0] * 10 + [1] * 10
    levels = [round(crop.mean() / 5) for crop in found.crops]
    assert levels == [*range(1, 20, 2)] * 2  # those for validation


def test_fakes_for_other_training_seeds_are_left_out(
    detector: TrainedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_seeds, "ATTRIBUTE", "number")
    seventh = dataclasses.replace(detector, card=detector.card | {"training_seed": 7})
    assert [round(crop.mean() / 5) for crop in faces_for_check(seventh, None).crops] == [7, 7]


def test_a_large_set_is_sampled_evenly(detector: TrainedDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_faces, "MOST", 5)
    found = faces_for_check(detector, None)
    assert [round(crop.mean() / 5) for crop in found.crops] == [1, 5, 9, 13, 17] * 2


def test_given_sets_and_pictures(detector: TrainedDetector, drawn: Path, pictures: Path, tmp_path: Path) -> None:
    given = faces_for_check(detector, tmp_path / "project/data/sets/faces")
    assert (given.validation, len(given.crops)) == (True, 10)
    a_set(tmp_path / "held", 6, use="held_out")
    held = faces_for_check(detector, tmp_path / "held")
    assert (held.validation, len(held.crops), held.source) == (False, 6, "faces of the folder held")
    photos = faces_for_check(load_detector(drawn), pictures)
    assert (photos.validation, photos.labels, len(photos.crops)) == (False, None, 8)
    with pytest.raises(UserError, match="not a folder"):
        faces_for_check(detector, tmp_path / "nowhere")
