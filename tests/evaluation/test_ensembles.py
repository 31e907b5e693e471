"""Ensembles: a rule over predictions, whose every number follows from Parquet files."""

import ast
import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_json, write_metrics
from unseen.core.settings import read_block, validated
from unseen.data.predictions import SCHEMA, read_predictions, write_predictions
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.evaluation.ensembles import Member, common_faces, make_ensemble, mean_logits
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import trainings_of
from unseen.evaluation.settings import EnsembleSettings, EvaluationSettings

from .made_up import bell, columns
from .test_recompute import SCRIPT, printed_by, same

ANEW = Path(__file__).parent / "recompute_ensemble.py"
CALIBRATION = CalibrationSettings(max_fpr=0.1, unsure_tail=0.02)
WEIGHTS = {"dct_logistic": 1.0, "discriminator": 2.5, "efficientnet_lite0": 0.4}
TEMPERATURES = {"dct_logistic": 2.3, "discriminator": 0.7, "efficientnet_lite0": 1.0}
FACTORS = {4: 1.0, 5: 1.6}
"""Temperature of each training seed, in units of that of the first."""

SETS = {"orl_unseen_people": (0, -1.0), "dcgan_fakes": (1, 1.0), "resize_conv_fakes": (1, -0.2)}
SEEN = {"faces": {"orl": 60}, "people": 20, "without_identity": 0, "generators": ["dcgan"]}


def predicted(label: int, count: int, member: str, seed: int, mean: float, name: str) -> dict[str, Any]:
    """A member's predictions on a set: every member's logits have a scale of their own."""
    logits = TEMPERATURES[member] * bell(mean, count, seed)
    scores = 1 / (1 + np.exp(-logits / TEMPERATURES[member]))
    return {**columns(label, logits, None, name), "score": scores.tolist()}


def of_seed_5(rows: dict[str, Any], member: str) -> dict[str, Any]:
    """Predictions of another training on the same faces: other logits, and another temperature."""
    logits = np.asarray(rows["logit"]) * 0.8 + bell(0, len(rows["id"]), 77) * TEMPERATURES[member]
    scores = 1 / (1 + np.exp(-logits / (FACTORS[5] * TEMPERATURES[member])))
    return {**rows, "seed": [5] * len(logits), "logit": logits.tolist(), "score": scores.tolist()}


def both(reals: dict[str, Any], fakes: dict[str, Any]) -> dict[str, Any]:
    return {key: [*reals[key], *fakes[key]] for key in reals}


def validation(member: str, reals: slice = slice(None), fakes: slice = slice(None)) -> dict[str, Any]:
    """Predictions on 60 real and 50 fake validation faces, or on some of them."""
    seed = list(WEIGHTS).index(member)
    parts = [predicted(0, 60, member, seed, -1.0, "orl"), predicted(1, 50, member, seed + 9, 1.0, "gan")]
    kept = [
        {key: values[rows] for key, values in part.items()} for part, rows in zip(parts, (reals, fakes), strict=True)
    ]
    return both(*kept)


def card(member: str) -> dict[str, Any]:
    return {
        "kind": member,
        "parameters": 1000,
        "seed": 4,
        "calibration": {"temperature": TEMPERATURES[member]},
        "trained_on": {"train": SEEN, "val": SEEN},
    }


def members(**frames: dict[str, Any]) -> dict[str, Member]:
    return {
        name: Member(WEIGHTS[name], card(name), pd.DataFrame(frames.get(name) or validation(name)))
        for name in WEIGHTS
    }


# ---- the whole stage, against a program of its own


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, _params_on_disk: dict[str, Any]) -> Path:
    """A project in which the stage has run for an ensemble of three, whose members share 40 + 45 validation faces."""
    folder = tmp_path_factory.mktemp("project")
    params = {**_params_on_disk, "ensembles": {"three": {"members": WEIGHTS}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    parts = [(slice(40), slice(None)), (slice(None), slice(5, None)), (slice(None), slice(None))]
    for number, (member, rows) in enumerate(zip(WEIGHTS, parts, strict=True)):
        frame = validation(member, *rows)
        order = np.random.default_rng(number).permutation(len(frame["id"]))
        shuffled = {key: [values[i] for i in order] for key, values in frame.items()}
        write_predictions(folder / "data/validation" / f"{member}.parquet", [shuffled, of_seed_5(shuffled, member)])
        for seed, (name, (label, mean)) in enumerate(SETS.items()):
            file = folder / "data/predictions" / member / f"{name}.parquet"
            rows_of_4 = predicted(label, 80, member, 10 * number + seed, mean, name)
            write_predictions(file, [rows_of_4, of_seed_5(rows_of_4, member)])
        trainings = {str(seed): {"temperature": factor * TEMPERATURES[member]} for seed, factor in FACTORS.items()}
        write_json(folder / "models/detectors" / member / "detector.json", {**card(member), "trainings": trainings})
    command = [sys.executable, str(ROOT / "stages/ensemble.py"), "three"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def anew(project: Path) -> dict[int, dict[str, Any]]:
    """The same numbers by the other program, of each training seed."""
    calibration = read_block(project / "params.yaml", ["calibration"], CalibrationSettings)
    given = {
        "weights": WEIGHTS,
        "validation": {name: f"{project}/data/validation/{name}.parquet" for name in WEIGHTS},
        "sets": {one: {name: f"{project}/data/predictions/{name}/{one}.parquet" for name in WEIGHTS} for one in SETS},
        "own": {one: f"{project}/data/ensembles/three/{one}.parquet" for one in SETS},
        **calibration.model_dump(),
    }
    return {seed: printed_by(ANEW, {**given, "seed": seed}) for seed in FACTORS}


def test_an_independent_program_freezes_the_same_numbers(project: Path, anew: dict[int, dict[str, Any]]) -> None:
    found = read_json(project / "models/ensembles/three/ensemble.json")
    assert (found["seed"], found["calibration"]) == (4, found["trainings"]["4"])
    assert set(found["trainings"]) == {"4", "5"}
    for seed, expected in anew.items():
        frozen = found["trainings"][str(seed)]
        assert set(frozen) == set(expected["calibration"])
        assert set(frozen["validation"]) == set(expected["calibration"]["validation"])
        same(frozen, expected["calibration"])
        # SciPy stops where log T is known to 1e-5
        assert frozen["temperature"] == pytest.approx(expected["best_temperature"], rel=1e-4)
    assert found["trainings"]["4"]["temperature"] != pytest.approx(found["trainings"]["5"]["temperature"], rel=1e-3)
    assert found["n"] == {"reals": 40, "fakes": 45}
    assert {name: one["weight"] for name, one in found["members"].items()} == WEIGHTS
    for name, one in found["members"].items():
        assert one["temperatures"] == {str(seed): factor * TEMPERATURES[name] for seed, factor in FACTORS.items()}
    assert [one["validation_faces"] for one in found["members"].values()] == [90, 105, 110]
    assert found["parameters"] == 3000
    assert found["trained_on"] == {"train": SEEN, "val": SEEN}


def test_an_independent_program_comes_to_the_same_predictions(project: Path, anew: dict[int, dict[str, Any]]) -> None:
    for name in SETS:
        frame = read_predictions(project / "data/ensembles/three" / f"{name}.parquet")
        assert len(frame) == 160
        for seed, expected in anew.items():
            rows = frame[frame["seed"] == seed].sort_values(["id", "sha256"])
            found = rows[["id", "label", "logit", "score"]].to_dict("records")
            assert len(found) == 80
            for one, other in zip(found, expected["predictions"][name], strict=True):
                assert one["id"] == other["id"]
                same(one, {key: other[key] for key in ("label", "logit", "score")})


def test_an_independent_program_comes_to_the_same_metrics(
    project: Path, anew: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    written = read_json(project / "metrics/detectors/three.json")
    trained = trainings_of(read_json(project / "models/ensembles/three/ensemble.json"))
    settings = read_block(project / "params.yaml", ["evaluation"], EvaluationSettings)
    seed = read_block(project / "params.yaml", ["seed"], int)
    metrics = evaluate(project / "data/ensembles/three", list(SETS), trained, settings, seed).metrics
    write_metrics(tmp_path / "rounded.json", metrics)
    assert written == read_json(tmp_path / "rounded.json"), "the stage wrote these, with six digits"
    assert set(metrics["pairs"]) == {"known_generator", "unseen_generator"}
    for pair in metrics["pairs"].values():
        for number, of in anew.items():
            expected = recomputed(tmp_path, of, [pair["reals"], pair["fakes"]])
            for name in ("auc", "average_precision", "eer"):
                assert pair[name]["seeds"][str(number)] == pytest.approx(expected[name], rel=0, abs=1e-9)
            for name, around in pair["intervals"].items():
                assert around["seeds"][str(number)] == pytest.approx(expected[name], rel=0, abs=1e-9)
            more = pair["by_seed"][str(number)]
            same(more, {name: expected[name] for name in more})
            for rate, rates, side in (("tpr", "generators", "fakes"), ("fpr", "sources", "reals")):
                assert pair[rate]["seeds"][str(number)] == expected[rates][pair[side]]["share"]
    for curve in ("roc", "reliability"):
        frame = pd.read_csv(project / "metrics" / curve / "three.csv")
        assert (set(frame["detector"]), set(frame["seed"])) == ({"three"}, {4, 5})


def recomputed(folder: Path, anew: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The metrics of one training seed on two sets, at its threshold, by the other program."""
    with (folder / "pair.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, ["id", "label", "logit", "score", "generator", "source"])
        writer.writeheader()
        for name in names:
            writer.writerows({**row, "generator": name, "source": name} for row in anew["predictions"][name])
    found: dict[str, Any] = printed_by(SCRIPT, folder / "pair.csv", anew["calibration"]["threshold"])
    return found


def test_the_independent_program_imports_nothing_of_the_library() -> None:
    nodes = [node for node in ast.walk(ast.parse(ANEW.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes for alias in node.names}
    assert names == {"json", "math", "sys", "numpy", "pyarrow.parquet"}


def test_an_ensemble_needs_no_torch() -> None:
    program = "import sys, unseen.evaluation.ensembles; sys.exit('torch' in sys.modules)"
    env = {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", program], env=env, check=False).returncode == 0


# ---- the rule


def test_logits_are_averaged_after_temperatures_have_made_them_alike() -> None:
    three = members()
    frames = {name: one.validation for name, one in three.items()}
    first, second, third = (frames[name]["logit"].to_numpy() for name in WEIGHTS)
    expected = (1.0 * first / 2.3 + 2.5 * second / 0.7 + 0.4 * third / 1.0) / 3.9
    np.testing.assert_allclose(mean_logits(three, frames), expected, rtol=1e-12)


def test_only_ratios_of_weights_matter() -> None:
    three = members()
    frames = {name: one.validation for name, one in three.items()}
    scaled = {name: Member(10 * one.weight, one.card, one.validation) for name, one in three.items()}
    np.testing.assert_allclose(mean_logits(scaled, frames), mean_logits(three, frames), rtol=1e-12)


def test_the_order_of_members_changes_nothing() -> None:
    three = members()
    turned = dict(reversed(three.items()))
    one, other = (make_ensemble("three", some, CALIBRATION) for some in (three, turned))
    assert one.as_dict() == other.as_dict()
    frames = {name: one.validation for name, one in three.items()}
    assert one.predict(frames).equals(other.predict(dict(reversed(frames.items()))))


def test_two_equal_members_are_the_member() -> None:
    frame = validation("discriminator")
    frozen = {**card("discriminator"), "calibration": {"temperature": 0.7}}
    twice = {name: Member(1.0, frozen, pd.DataFrame(frame)) for name in ("one", "other")}
    made = make_ensemble("both", twice, CALIBRATION)
    labels = np.asarray(frame["label"])
    alone = calibrate(np.asarray(frame["logit"]), labels, CALIBRATION)
    assert made.trainings[4].temperature == pytest.approx(alone.temperature / 0.7, rel=1e-4)
    found = made.predict({name: pd.DataFrame(frame) for name in twice})
    assert list(found.columns) == SCHEMA.names
    np.testing.assert_allclose(found["logit"], np.asarray(frame["logit"]) / 0.7, rtol=1e-12)
    np.testing.assert_allclose(found["score"], alone.score(np.asarray(frame["logit"])), atol=1e-4)


# ---- which faces


def test_faces_are_joined_by_id_and_sha256() -> None:
    changed = validation("discriminator")
    changed["sha256"] = ["changed", *changed["sha256"][1:]]
    frames = {"a": pd.DataFrame(validation("dct_logistic")), "b": pd.DataFrame(changed)}
    found = common_faces(frames)
    assert [len(one) for one in found.values()] == [109, 109]
    assert found["a"]["id"].tolist() == found["b"]["id"].tolist() == sorted(changed["id"][1:])
    by_id = dict(zip(changed["id"], changed["logit"], strict=True))
    assert [by_id[name] for name in found["b"]["id"]] == found["b"]["logit"].tolist()


def test_members_that_share_no_face_of_a_class_are_one_line() -> None:
    three = members(
        dct_logistic=validation("dct_logistic", fakes=slice(20)),
        discriminator=validation("discriminator", fakes=slice(20, None)),
    )
    with pytest.raises(UserError) as error:
        make_ensemble("three", three, CALIBRATION)
    assert str(error.value) == (
        "ensemble `three`: dct_logistic, discriminator, efficientnet_lite0 share 60 real and 0 fake validation "
        "faces, and both are needed to calibrate it; give its members the same `train_on`"
    )


def test_members_of_other_training_seeds_are_one_line() -> None:
    three = members()
    other = {**card("discriminator"), "seed": 7}
    three["discriminator"] = Member(1.0, other, three["discriminator"].validation.assign(seed=7))
    with pytest.raises(UserError) as error:
        make_ensemble("three", three, CALIBRATION)
    assert str(error.value) == (
        "ensemble `three`: `dct_logistic` was trained from seeds 4 and `discriminator` from 7; run `dvc repro`"
    )


def test_predictions_on_other_faces_are_one_line() -> None:
    three = members()
    made = make_ensemble("three", three, CALIBRATION)
    frames = {name: one.validation for name, one in three.items()}
    frames["discriminator"] = frames["discriminator"].iloc[1:].reset_index(drop=True)
    with pytest.raises(UserError) as error:
        made.predict(frames)
    assert str(error.value) == (
        "ensemble `three`: `dct_logistic` and `discriminator` have predictions on different faces of `orl`; "
        "run `dvc repro`"
    )


def test_what_members_were_trained_on_is_put_together() -> None:
    three = members()
    other = {
        "faces": {"orl": 50, "lfw": 7},
        "people": 31,
        "without_identity": 2,
        "generators": ["r3gan"],
    }
    changed = {**card("discriminator"), "trained_on": {"train": other, "val": SEEN}}
    three["discriminator"] = Member(1.0, changed, three["discriminator"].validation)
    assert make_ensemble("three", three, CALIBRATION).as_dict()["trained_on"] == {
        "train": {
            "faces": {"lfw": 7, "orl": 60},
            "people": 31,
            "without_identity": 2,
            "generators": ["dcgan", "r3gan"],
        },
        "val": SEEN,
    }


# ---- its settings


def test_a_weight_that_is_not_written_is_1() -> None:
    found = validated(EnsembleSettings, {"members": {"a": None, "b": 2}}, "ensembles.both")
    assert found.members == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"members": {"a": 1.0}}, "`ensembles.both.members`: dictionary should have at least 2 items"),
        ({"members": {"a": 0, "b": 1}}, "`ensembles.both.members.a` is 0: input should be greater than 0"),
        ({"members": {"a": -1.0, "b": 1}}, "`ensembles.both.members.a` is -1.0: input should be greater than 0"),
        ({"first": "a", "second": "b"}, "`ensembles.both.members` is missing"),
    ],
)
def test_settings_that_are_not_valid_are_one_line(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        validated(EnsembleSettings, data, "ensembles.both")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
