"""Training without the fakes of one generator: none of its faces is fitted on, and all evaluation sets are scored."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from conftest import ROOT, run_here
from faces_for_training import OrlFaces, bytes_below, encoded, stored, upsampled
from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_json
from unseen.core.scratch import Scratch
from unseen.core.trainings import Trainings
from unseen.data.evaluation_sets import Pair, in_pairs
from unseen.data.pictures import load_crops
from unseen.data.predictions import FROM_SHARDS, read_predictions
from unseen.data.shards import FaceSet, sets_for_fitting
from unseen.data.splits import Split
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.scoring.leave_one_out import CARD, write_left_out
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.train import Fitted, fit_trainings, load_training_faces
from unseen.faces.settings import FaceSettings

CALIBRATION = CalibrationSettings(max_fpr=0.1, unsure_tail=0.02)
SETTINGS = dct_logistic.Settings.model_validate(
    {"kind": "dct_logistic", "weights": "none", "train_on": {"reals": "faces/people", "fakes": "fakes/own"}}
)
SPLITS: list[Split] = ["train", "train", "val", "test"]
FOLDERS = {"faces/people/orl": "", "fakes/own/dcgan_fakes": "dcgan", "fakes/own/own_twins": "auto"}


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 12, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def store(root: Path, orl: OrlFaces) -> None:
    """Reals, upsampled ones and noisy ones, of 64 pixels; the test people of each are an evaluation set."""
    made = {"": orl.large, "dcgan": upsampled(orl.large), "auto": noisy(orl.large)}
    splits = [SPLITS[number // 3 % 4] for number in range(120)]
    for folder, generator in FOLDERS.items():
        files = [encoded(face, quality=95) for face in made[generator]]
        stored(root / "sets" / folder, files, orl.people, splits, "train", generator)
        name = "orl_unseen_people" if not generator else folder.rpartition("/")[2]
        shutil.copytree(root / "sets" / folder, root / "sets/evaluation" / name)


@pytest.fixture
def data(tmp_path: Path, orl_faces: OrlFaces) -> Path:
    store(tmp_path / "data", orl_faces)
    (tmp_path / "models/none").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def sets(data: Path) -> list[FaceSet]:
    return [*sets_for_fitting(data / "sets/faces"), *sets_for_fitting(data / "sets/fakes")]


def fit(sets: list[FaceSet], folder: Path, without: str = "", seeds: tuple[int, ...] = (4, 5)) -> Trainings[Fitted]:
    return fit_trainings(
        sets, SETTINGS, CALIBRATION, folder.parent / "models/none", seeds, folder / "scratch", "detector", without
    )


def generators(faces: Any) -> set[str]:
    return set(faces.columns["generator"])


def test_no_face_of_the_generator_is_fitted_or_calibrated_on(
    sets: list[FaceSet], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    calibrated: list[int] = []
    whole = dct_logistic.fit

    def spy(model: Any, task: Task) -> Any:
        seen.extend([generators(task.train), generators(task.val)])
        return whole(model, task)

    def counting(logits: Any, labels: Any, settings: CalibrationSettings) -> Any:
        calibrated.append(len(labels))
        return calibrate(logits, labels, settings)

    monkeypatch.setattr(dct_logistic, "fit", spy)
    monkeypatch.setattr("unseen.detectors.shared.train.calibrate", counting)
    found = fit(sets, data, "dcgan")
    assert seen == [{"", "auto"}] * 4  # train and val, of two seeds
    assert calibrated == [60, 60]  # the val people of the reals and of one generator
    for one in found.trained.values():
        assert one.trained_on["train"]["generators"] == one.trained_on["val"]["generators"] == ["auto"]
        assert set(one.validation["generator"]) == {"", "auto"}
    seen.clear()
    fit(sets, data, seeds=(4,))
    assert seen == [{"", "auto", "dcgan"}] * 2


def test_all_other_faces_stay(sets: list[FaceSet]) -> None:
    whole, part = load_training_faces(sets), load_training_faces(sets, "auto")
    for before, after in ((whole.train, part.train), (whole.val, part.val)):
        kept = [row for row, name in enumerate(before.columns["generator"]) if name != "auto"]
        assert after.columns["id"] == [before.columns["id"][row] for row in kept]
        assert np.array_equal(after.take(range(len(after))), before.take(kept))
        assert set(map(len, after.columns.values())) == {len(after)}


def test_a_generator_that_trains_nothing_is_refused(sets: list[FaceSet]) -> None:
    with pytest.raises(UserError, match=r"no training fakes are of the generator 'dcgna'; .*did you mean `dcgan`"):
        load_training_faces(sets, "dcgna")


def test_without_another_generator_there_are_no_fakes(data: Path) -> None:
    sets = [*sets_for_fitting(data / "sets/faces"), *sets_for_fitting(data / "sets/fakes/own/dcgan_fakes")]
    with pytest.raises(UserError, match="the train split has 60 real and 0 fake faces"):
        load_training_faces(sets, "dcgan")


def test_crops_without_a_generator_have_another_fingerprint(sets: list[FaceSet]) -> None:
    crops, left = load_crops(sets, ["train"], FROM_SHARDS), load_training_faces(sets, "auto").train
    everything = load_training_faces(sets).train
    assert everything.fingerprint() == crops.fingerprint() != left.fingerprint()


def test_a_checkpoint_is_not_that_of_the_whole_training(
    sets: list[FaceSet], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[Any] = []
    made = Scratch.__init__

    def spy(self: Scratch, root: Path, title: str, key: Any) -> None:
        keys.append(key)
        made(self, root, title, key)

    monkeypatch.setattr(Scratch, "__init__", spy)
    for without in ("", "dcgan", "auto"):
        fit(sets, data, without, seeds=(4,))
    assert keys[0] != keys[1] != keys[2] != keys[0]


def test_every_seed_scores_every_set_at_its_own_calibration(sets: list[FaceSet], data: Path) -> None:
    found = fit(sets, data, "dcgan")
    names = ["orl_unseen_people", "dcgan_fakes"]
    faces = FaceSettings.model_validate({})
    write_left_out(found.trained, "dct without dcgan", faces, names, data / "sets/evaluation", data / "out")
    assert set(bytes_below(data / "out")) == {CARD, *(f"{name}.parquet" for name in names)}  # no weights
    card = read_json(data / "out" / CARD)
    assert card["trainings"] == {str(seed): one.calibration.as_dict() for seed, one in found.trained.items()}
    assert card["trained_on"]["train"]["generators"] == ["auto"]
    frame = read_predictions(data / "out/dcgan_fakes.parquet")
    assert frame["seed"].tolist() == [4] * 30 + [5] * 30  # the test people
    assert set(frame["generator"]) == {"dcgan"}
    one = found.trained[5]
    test = load_crops(sets, ["test"], ["generator"])
    rows = [row for row, name in enumerate(test.columns["generator"]) if name == "dcgan"]
    with torch.inference_mode():
        pixels = torch.from_numpy(test.take(rows)).permute(0, 3, 1, 2)
        logits = one.model(pixels).numpy()
    np.testing.assert_allclose(frame["logit"][30:], logits, rtol=1e-9)
    np.testing.assert_allclose(frame["score"][30:], one.calibration.score(logits), rtol=1e-9)


def test_the_sets_of_all_pairs_are_scored() -> None:
    pair = Pair(reals="people", fakes="gan", matched=True)
    assert in_pairs({"known": pair}, ["gan", "other", "people"]) == ["gan", "people"]
    assert in_pairs({}, ["gan", "other"]) == ["gan", "other"]


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A stage script as DVC runs it."""
    command = [sys.executable, str(ROOT / "stages" / words[0]), *words[1:]]
    return subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_the_stages_make_the_matrix(data: Path, params_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    params_data["training_seeds"] = 2
    params_data["autoencoders"] = {"auto": {"train_on": "faces/people", "weights": "none"}}
    twins = {"group": "own", "use": "train", "autoencoder": "autoencoders/auto", "of": "faces/people"}
    params_data["twins"] = {"own_twins": twins}
    params_data["evaluation_sets"]["own_twins"] = {"data": "fakes/own/own_twins", "split": "test"}
    pairs = {
        name: {"reals": "orl_unseen_people", "fakes": name, "matched": True} for name in ("dcgan_fakes", "own_twins")
    }
    params_data["evaluation"] = {"pairs": pairs, "resamples": 100}
    params_data["leave_one_out"] = {"detectors": ["dct_logistic"], "generators": ["dcgan", "auto"]}
    folder = data.parent
    (folder / "params.yaml").write_text(yaml.safe_dump(params_data, sort_keys=False))
    found = {"auc": 0.75, "low": 0.6, "high": 0.9}
    cues = {"picture": {"cues": {"noise": found}}, "file": {"cues": {}}}
    write_json(folder / "metrics/audit.json", {"pairs": {"orl / own_twins": cues}, "failed": []})
    monkeypatch.chdir(folder)
    run_here("leave_one_out.py", "dct_logistic", "dcgan")
    for words in (("leave_one_out.py", "dct_logistic", "auto"), ("leave_one_out_matrix.py", "dct_logistic")):
        done = run(folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    metrics = read_json(folder / "metrics/leave_one_out/dct_logistic.json")
    assert metrics["seeds"] == [0, 1]
    matrix = metrics["matrix"]
    assert matrix["dcgan"]["auto"]["auc"]["value"] > 0.9  # noise is seen
    assert matrix["auto"]["dcgan"]["auc"]["value"] > 0.9
    drop = {name: one["drop"]["auc"]["value"] for name, one in metrics["generators"].items()}
    assert max(drop.values()) > 0.2  # noise tells nothing of upsampling
    assert metrics["generators"]["auto"]["cue"]["cue"] == "noise"
    table = pd.read_csv(folder / "metrics/leave_one_out/dct_logistic.csv")
    assert set(zip(table.left_out, table.generator, strict=True)) == {
        (one, other) for one in ("dcgan", "auto") for other in ("dcgan", "auto")
    }
    before = bytes_below(folder / "data/leave_one_out")
    run_here("leave_one_out.py", "dct_logistic", "dcgan")
    assert bytes_below(folder / "data/leave_one_out") == before
