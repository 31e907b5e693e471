"""Which costs files belong to the run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import PARAMS, ROOT
from unseen.core.json_files import write_json
from unseen.params.check import Params, load_params
from unseen.report.stage_costs import _items, is_current, read_costs


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(PARAMS)


def test_every_stage_but_the_report_is_known_with_its_items(params: Params) -> None:
    stages: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    number = {
        name: len(stage["matrix"]) if "matrix" in stage else int("foreach" in stage) for name, stage in stages.items()
    }
    del number["report"]
    assert {name: len(items) for name, items in _items(params).items()} == number


@pytest.mark.parametrize(
    ("parts", "current"),
    [
        (("audit",), True),
        (("measured_sets",), False),
        (("train_gan", "dcgan"), True),
        (("train_gan", "gone"), False),
        (("train_gan",), False),
        (("audit", "dcgan"), False),
    ],
)
def test_a_file_of_another_run_is_ignored(params: Params, parts: tuple[str, ...], current: bool) -> None:
    assert is_current(params, parts) is current


def test_costs_have_the_name_of_the_stage_and_its_items(params: Params, tmp_path: Path) -> None:
    for path in ("audit", "train_gan/dcgan", "train_gan/gone", "measured_sets"):
        write_json(tmp_path / f"{path}.json", {"seconds": 1})
    assert read_costs(tmp_path, params) == [
        {"seconds": 1, "name": "audit"},
        {"seconds": 1, "name": "train_gan dcgan"},
    ]
