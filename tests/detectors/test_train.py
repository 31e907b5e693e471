"""Fitting a detector: on train people, frozen on validation people, and on nothing held out."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faces_for_training import OrlFaces, encoded, stored, upsampled
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.core.stop import Stop
from unseen.data.pictures import load_faces
from unseen.data.predictions import read_predictions, write_predictions
from unseen.data.shards import FaceSet, sets_for_fitting
from unseen.data.splits import Split
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.shared import train
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.logits import logits_of
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.train import Fitted, fit_detector, fit_trainings, load_training_faces

from .networks import Tiny, copied, knobs, same

CALIBRATION = CalibrationSettings(max_fpr=0.1, unsure_tail=0.02)
LOGISTIC = dct_logistic.Settings.model_validate(
    {
        "kind": "dct_logistic",
        "weights": "none",
        "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        "penalty": 100.0,
    }
)


def store(root: Path, orl: OrlFaces, splits: list[Split], real_use: str = "train", fake_use: str = "train") -> None:
    """120 reals and their upsampled copies; every three pictures are of one person, whose split is `splits`' next."""
    each = [splits[number // 3 % len(splits)] for number in range(120)]
    for name, pixels, use, generator in (
        ("reals/orl", orl.small, real_use, ""),
        ("fakes/up", upsampled(orl.small), fake_use, "up"),
    ):
        files = [encoded(face, quality=95) for face in pixels]
        people = orl.people if not generator else [f"up/{number}" for number in range(120)]
        stored(root / name, files, people, each, use, generator)


@pytest.fixture
def sets(tmp_path: Path, orl_faces: OrlFaces) -> list[FaceSet]:
    store(tmp_path, orl_faces, ["train", "train", "val", "test"])
    return sets_for_fitting(tmp_path)


def fit(sets: list[FaceSet], tmp_path: Path, seed: int = 4) -> Fitted:
    return fit_detector(
        load_training_faces(sets), LOGISTIC, CALIBRATION, tmp_path, seed, Scratch(tmp_path / "scratch", "d", 1)
    )


def test_it_fits_and_freezes_on_validation_people(sets: list[FaceSet], tmp_path: Path) -> None:
    fitted = fit(sets, tmp_path)
    val = load_faces(sets, ["val"])
    logits = logits_of(fitted.model, val.pixels, torch.device("cpu"))
    assert fitted.calibration == calibrate(logits, val.labels, CALIBRATION)
    assert fitted.calibration.validation["fpr"] <= 0.1
    assert fitted.calibration.validation["tpr"] > 0.8
    test = load_faces(sets, ["test"])
    scores = fitted.calibration.score(logits_of(fitted.model, test.pixels, torch.device("cpu")))
    assert np.mean((scores >= fitted.calibration.threshold) == (test.labels == 1)) > 0.8


def test_its_predictions_on_validation_people_give_its_frozen_numbers(sets: list[FaceSet], tmp_path: Path) -> None:
    fitted = fit(sets, tmp_path)
    write_predictions(tmp_path / "validation.parquet", [fitted.validation])
    found = read_predictions(tmp_path / "validation.parquet")
    val = load_faces(sets, ["val"], ["id", "sha256", "label"])
    assert [found[name].tolist() for name in val.columns] == list(val.columns.values())
    assert set(found["set"]) == {"validation"}
    logits = found["logit"].to_numpy()
    assert np.array_equal(logits, logits_of(fitted.model, val.pixels, torch.device("cpu")))
    assert calibrate(logits, val.labels, CALIBRATION) == fitted.calibration
    assert np.array_equal(found["score"], fitted.calibration.score(logits))


def test_told_to_stop_in_the_training_of_a_seed_no_other_begins(
    sets: list[FaceSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, begun = dct_logistic.fit, []

    def signalled(model: Any, task: Task) -> Any:
        begun.append(task.seed)
        with Stop():
            signal.raise_signal(signal.SIGTERM)
        return whole(model, task)

    monkeypatch.setattr(dct_logistic, "fit", signalled)
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"^stopped at training seed 5, which has not begun"):
        fit_trainings(sets, LOGISTIC, CALIBRATION, tmp_path / "none", [4, 5], tmp_path / "scratch", "d")
    assert begun == [4]


def test_it_says_what_it_saw(sets: list[FaceSet], tmp_path: Path) -> None:
    assert fit(sets, tmp_path).trained_on == {
        "train": {"faces": {"orl": 60, "up": 60}, "people": 20, "without_identity": 0, "generators": ["up"]},
        "val": {"faces": {"orl": 30, "up": 30}, "people": 10, "without_identity": 0, "generators": ["up"]},
    }


def test_test_people_change_nothing(tmp_path: Path, orl_faces: OrlFaces) -> None:
    store(tmp_path / "one", orl_faces, ["train", "train", "val", "test"])
    changed = OrlFaces(orl_faces.small.copy(), orl_faces.large, orl_faces.people)
    test_people = np.arange(120) // 3 % 4 == 3
    changed.small[test_people] = 255 - changed.small[test_people]
    store(tmp_path / "two", changed, ["train", "train", "val", "test"])
    one, two = (fit(sets_for_fitting(tmp_path / name), tmp_path) for name in ("one", "two"))
    assert same(copied(one.model), copied(two.model))
    assert one.calibration == two.calibration


def test_the_kind_gets_train_and_validation_people_alone(
    sets: list[FaceSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Task] = []
    monkeypatch.setattr("unseen.detectors.kinds.dct_logistic.create", lambda *_: Tiny())
    monkeypatch.setattr("unseen.detectors.kinds.dct_logistic.fit", lambda model, task: seen.append(task) or [])
    fit(sets, tmp_path)
    (task,) = seen
    people = [set(map(str, faces.columns["identity"])) for faces in (task.train, task.val)]
    assert [len(some) for some in people] == [20 + 60, 10 + 30]
    assert not people[0] & people[1]


@pytest.mark.parametrize("empty", ["train", "val"])
def test_an_empty_split_is_one_line_that_names_it(tmp_path: Path, orl_faces: OrlFaces, empty: str) -> None:
    left: Split = "val" if empty == "train" else "train"
    store(tmp_path, orl_faces, [left, "test"])
    with pytest.raises(UserError, match=rf"the {empty} split has 0 real and 0 fake") as error:
        fit(sets_for_fitting(tmp_path), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("kept", "counts"), [("reals", "60 real and 0 fake"), ("fakes", "0 real and 60 fake")])
def test_an_empty_class_is_one_line_that_counts(tmp_path: Path, orl_faces: OrlFaces, kept: str, counts: str) -> None:
    store(tmp_path, orl_faces, ["train", "val"])
    with pytest.raises(UserError, match=counts):
        fit(sets_for_fitting(tmp_path / kept), tmp_path)


@pytest.mark.parametrize(("reals", "fakes"), [("held_out", "train"), ("train", "held_out")])
def test_held_out_sets_cannot_reach_a_fit(tmp_path: Path, orl_faces: OrlFaces, reals: str, fakes: str) -> None:
    store(tmp_path, orl_faces, ["train", "val"], reals, fakes)
    with pytest.raises(UserError, match="held out and must not be trained on") as error:
        sets_for_fitting(tmp_path)
    assert "\n" not in str(error.value)


def test_same_faces_same_detector(sets: list[FaceSet], tmp_path: Path) -> None:
    one, two = fit(sets, tmp_path), fit(sets, tmp_path)
    assert same(copied(one.model), copied(two.model))
    assert one.calibration == two.calibration


def test_the_seed_decides_a_networks_first_weights(
    sets: list[FaceSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Random(Tiny):
        def __init__(self) -> None:
            super().__init__()
            torch.nn.init.normal_(self.linear.weight)

    monkeypatch.setattr("unseen.detectors.kinds.efficientnet_lite0.create", lambda *_: Random())
    states = []
    for number, (seed, own) in enumerate(((4, 0), (4, 0), (5, 0), (4, 1))):
        torch.manual_seed(number)
        before = torch.get_rng_state()
        scratch = Scratch(tmp_path / str(number), "d", 1)
        fitted = fit_detector(
            load_training_faces(sets), knobs(steps=2, seed=own), CALIBRATION, tmp_path, seed, scratch
        )
        assert torch.equal(torch.get_rng_state(), before)
        assert [row["step"] for row in fitted.history] == [2]
        states.append(copied(fitted.model))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])
    assert same(states[2], states[3])


def test_each_training_seed_sees_the_fakes_of_the_same_training_of_a_generator(sets: list[FaceSet]) -> None:
    faces = load_training_faces(sets)
    for split in (faces.train, faces.val):
        split.columns["attributes"] = [
            [("training_seed", str(row % 3))] if label and row % 4 else [] for row, label in enumerate(split.labels)
        ]
    for seed in (0, 1):
        own = faces.of_seed(seed)
        for split, all_of_it in ((own.train, faces.train), (own.val, faces.val)):
            assert (split.labels == 0).sum() == (all_of_it.labels == 0).sum()
            stated = {dict(found).get("training_seed") for found in split.columns["attributes"]}  # type: ignore[call-overload]
            assert stated == {None, str(seed)}, "pictures that state no training seed are for all"
            assert len(split) == len(split.columns["id"]) < len(all_of_it)


def test_a_training_seed_without_fakes_is_an_error(sets: list[FaceSet]) -> None:
    faces = load_training_faces(sets)
    faces.train.columns["attributes"] = [[("training_seed", "0")]] * len(faces.train)
    with pytest.raises(UserError, match="training seed 1 has no fakes"):
        faces.of_seed(1)


@pytest.mark.parametrize(
    ("attributes", "original"),
    [
        ({"twin_of": "people/1"}, "people/1"),
        ({"made_of": "people/1", "strength": "0.3"}, "people/1"),
        ({"made_of": "people/1"}, ""),
        ({}, ""),
    ],
)
def test_the_real_that_a_fake_is_paired_with(attributes: dict[str, str], original: str) -> None:
    """A text-to-image fake shows no pixel of the face that it was made of."""
    assert train._original(attributes) == original
