"""Two detectors as one: the mean of calibrated logits, and numbers of its own that are frozen again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faces_for_training import OrlFaces
from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.data.pictures import load_faces
from unseen.data.shards import sets_for_fitting
from unseen.detectors.kinds.ensemble import joined
from unseen.detectors.shared.artifact import TrainedDetector, load_detector, save_detector
from unseen.detectors.shared.calibration import Calibration, calibrate
from unseen.detectors.shared.logits import logits_of
from unseen.detectors.shared.settings import CalibrationSettings, EnsembleSettings
from unseen.detectors.shared.together import Joined, join
from unseen.faces.settings import FaceSettings
from unseen.params.check import Params
from unseen.params.references import check

from .networks import copied, same
from .test_artifact import model
from .test_train import store

CALIBRATION = CalibrationSettings(max_fpr=0.1, unsure_tail=0.02)
SEEN = {"faces": {"orl": 60}, "people": 20, "without_identity": 0, "generators": ["up"]}
PIXELS = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def member(folder: Path, faces: FaceSettings, number: int, temperature: float) -> TrainedDetector:
    """A detector whose weights are random, from its artifact."""
    net = model(32)
    with torch.no_grad():
        net.get_buffer("weight").add_(number)
        net.get_buffer("scale").add_(1)
    frozen = Calibration(temperature, 0.7, (0.3, 0.8), 0.05, {})
    card = {
        "name": f"net{number}",
        "faces": faces.model_dump(),
        "seed": 4,
        "settings": {},
        "trained_on": {"train": SEEN},
    }
    save_detector(folder / card["name"], net, "dct_logistic", frozen, b"an onnx file", card)
    return load_detector(folder / f"net{number}")


@pytest.fixture
def members(tmp_path: Path, face_settings: FaceSettings) -> list[TrainedDetector]:
    return [member(tmp_path, face_settings, number, temperature) for number, temperature in ((1, 2.0), (2, 0.5))]


def made(members: list[TrainedDetector], folder: Path, orl: OrlFaces, weight: float = 0.25) -> Joined:
    store(folder, orl, ["train", "train", "val", "test"])
    places = {"reals": "faces/people", "fakes": "fakes/own"}
    knobs = EnsembleSettings.model_validate({"first": "a", "second": "b", "weight": weight, "train_on": places})
    return join("both", members, knobs, CALIBRATION, sets_for_fitting(folder))


def test_it_averages_logits_that_temperatures_have_made_alike(
    members: list[TrainedDetector], tmp_path: Path, orl_faces: OrlFaces
) -> None:
    both = made(members, tmp_path / "sets", orl_faces)
    first, second = (one.model(PIXELS) for one in members)
    torch.testing.assert_close(both.model(PIXELS), 0.25 * first / 2.0 + 0.75 * second / 0.5)


def test_its_numbers_are_frozen_on_validation_people(
    members: list[TrainedDetector], tmp_path: Path, orl_faces: OrlFaces
) -> None:
    both = made(members, tmp_path / "sets", orl_faces)
    val = load_faces(sets_for_fitting(tmp_path / "sets"), ["val"])
    logits = logits_of(both.model, val.pixels, torch.device("cpu"))
    assert both.calibration == calibrate(logits, val.labels, CALIBRATION)
    assert both.calibration.validation["reals"] == 30
    assert both.card["trained_on"] == {"train": SEEN}


def test_its_artifact_holds_both_and_says_what_code_it_needs(
    members: list[TrainedDetector], tmp_path: Path, orl_faces: OrlFaces
) -> None:
    both = made(members, tmp_path / "sets", orl_faces)
    save_detector(tmp_path / "both", both.model, "ensemble", both.calibration, members[0].face_detector, both.card)
    for one in members:  # nothing but its own folder is needed
        (one.folder / "weights.safetensors").unlink()
    found = load_detector(tmp_path / "both")
    assert same(copied(found.model), copied(both.model))
    assert torch.equal(found.model(PIXELS), both.model(PIXELS))
    assert list(found.card["code"]) == ["unseen.detectors.kinds.dct_logistic", "unseen.detectors.kinds.ensemble"]


def test_an_ensemble_may_be_a_member(
    members: list[TrainedDetector], tmp_path: Path, orl_faces: OrlFaces, face_settings: FaceSettings
) -> None:
    both = made(members, tmp_path / "sets", orl_faces)
    inner = [{"kind": "ensemble", "config": both.model.config, "temperature": 3.0}]
    third = {"kind": "dct_logistic", "config": {"size": 32}, "temperature": 1.0}
    nested = joined([*inner, third], [both.model.state_dict(), members[0].model.state_dict()], 0.5)
    torch.testing.assert_close(nested(PIXELS), 0.5 * both.model(PIXELS) / 3.0 + 0.5 * members[0].model(PIXELS))


def test_members_that_see_other_crops_are_refused(
    members: list[TrainedDetector], tmp_path: Path, orl_faces: OrlFaces, face_settings: FaceSettings
) -> None:
    members[1] = replace(members[1], faces=face_settings.model_copy(update={"scale": 2.0}))
    with pytest.raises(UserError, match="`net1` and `net2` were trained on faces cut in other ways; retrain one"):
        made(members, tmp_path / "sets", orl_faces)


GOOD = {
    "first": "efficientnet_lite0",
    "second": "dct_logistic",
    "weight": 0.5,
    "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
}


def params(data: dict[str, Any], **ensembles: dict[str, Any]) -> Params:
    found: Params = validated(Params, data | {"ensembles": ensembles}, "")
    return found


def test_ensembles_are_measured_beside_detectors(params_data: dict[str, Any]) -> None:
    found = params(params_data, both=GOOD, more=GOOD | {"first": "both"})
    check(found)
    assert found.scored_names()[-2:] == ["both", "more"]


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("both", {"first": "efficientnet"}, "`ensembles.both.first` is 'efficientnet'; allowed: "),
        ("both", {"second": "both"}, "`ensembles.both.second` is 'both'; allowed: "),
        ("both", {"second": "efficientnet_lite0"}, "`ensembles.both` joins `efficientnet_lite0` with itself"),
        ("dct_logistic", {}, "`ensembles.dct_logistic` has the name of a detector; rename one"),
        (
            "both",
            {"train_on": {"reals": "faces/people", "fakes": "fakes/held_out"}},
            "`ensembles.both.train_on.fakes` is 'fakes/held_out', but",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(
    params_data: dict[str, Any], name: str, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        check(params(params_data, **{name: GOOD | changed}))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_it_is_as_sure_as_its_members_are_together(members: list[TrainedDetector]) -> None:
    parts = [{"kind": "dct_logistic", "config": {"size": 32}, "temperature": 1.0} for _ in members]
    same_twice = joined(parts, [members[0].model.state_dict()] * 2, 0.3)
    np.testing.assert_allclose(same_twice(PIXELS).numpy(), members[0].model(PIXELS).numpy())
