"""Every knob of a params file with its value, default and meaning."""

from typing import Any

import pytest

from conftest import PARAMS, ROOT
from unseen.core.yaml_text import read_yaml
from unseen.params.check import load_params
from unseen.params.explain import Knob, explained, knobs

FILES = [PARAMS, *sorted((ROOT / "experiments").glob("*.yaml"))]


def leaves(value: Any, path: str = "") -> set[str]:
    """The paths of a dumped params file that hold no mapping, or an empty one."""
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}" if path else key)}


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def found(request: pytest.FixtureRequest) -> dict[str, Knob]:
    """The knobs of a params file by their keys."""
    return {knob.key: knob for knob in knobs(load_params(request.param), read_yaml(request.param))}


def test_every_knob_is_there_once_and_has_a_meaning(found: dict[str, Knob]) -> None:
    assert [key for key, knob in found.items() if not knob.meaning] == []


def test_no_knob_is_missing() -> None:
    params, data = load_params(PARAMS), read_yaml(PARAMS)
    found = [knob.key for knob in knobs(params, data)]
    assert len(found) == len(set(found))
    whole = {leaf.removesuffix(".start").removesuffix(".end") for leaf in leaves(params.model_dump())}
    assert set(found) == whole


def test_what_is_written_is_told_from_defaults() -> None:
    found = {knob.key: knob for knob in knobs(load_params(PARAMS), read_yaml(PARAMS))}
    assert not found["gans.resize_conv.images"].default
    assert (found["gans.resize_conv.burn_in"].default, found["gans.resize_conv.burn_in"].value) == (True, "16000")
    assert found["detectors.dct_logistic.seed"].default
    written = {leaf for leaf in leaves(read_yaml(PARAMS)) if leaf in found}
    empty = {"split", "faces", "calibration", "robustness", "explanations", "audit"}
    assert {key for key, knob in found.items() if not knob.default} == written - empty


def test_merged_keys_count_as_written() -> None:
    path = ROOT / "experiments/ladder.yaml"
    found = {knob.key: knob for knob in knobs(load_params(path), read_yaml(path))}
    assert (found["detectors.patch_1.steps"].value, found["detectors.patch_1.steps"].default) == ("250", False)
    assert found["gans.r3gan.ema"].value == "{start: 0, end: 5000}"


def test_lines_are_aligned_and_grouped_by_block() -> None:
    lines = explained(load_params(PARAMS), read_yaml(PARAMS))
    column = lines[0].index(" of everything")
    knob = next(line for line in lines if line.startswith("audit.max_auc "))
    assert knob.split()[1:3] == ["0.55", "(default)"]
    assert knob.index("(default)") == next(line for line in lines if line.startswith("faces.side ")).index(
        "(default)"
    )
    assert knob[column] == " "
    assert knob[column + 1] != " "
    blocks = [line.partition(".")[0].split()[0] for line in lines if line]
    assert lines.count("") == len(dict.fromkeys(blocks)) - 1
