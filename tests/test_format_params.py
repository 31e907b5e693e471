"""params.yaml is stored as DVC writes it, so that `dvc exp run -S` changes the lines of one knob."""

import difflib
import runpy
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from conftest import PARAMS, ROOT
from unseen.core.yaml_text import read_yaml
from unseen.params.check import load_params

SCRIPT = runpy.run_path(str(ROOT / ".ci/format_params.py"))
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))


def differing(before: str, after: str) -> list[str]:
    """The lines that are new or gone."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_params_are_as_dvc_writes_them(tmp_path: Path) -> None:
    copy = tmp_path / "params.yaml"
    shutil.copy(PARAMS, copy)
    assert not SCRIPT["format_file"](copy)
    assert copy.read_text() == PARAMS.read_text()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_has_the_same_values_as_dvc_writes_it(path: Path, tmp_path: Path) -> None:
    """Items are a line each, and one may begin as another; `-S` writes them out."""
    copy = tmp_path / "params.yaml"
    shutil.copy(path, copy)
    SCRIPT["format_file"](copy)
    assert load_params(copy) == load_params(path)


def test_params_say_what_differs() -> None:
    """A file that repeats defaults gets longer than this."""
    assert len(PARAMS.read_text().splitlines()) <= 150
    assert sum(len(path.read_text().splitlines()) for path in EXPERIMENTS) <= 90 * len(EXPERIMENTS)
    assert max(len(line) for path in EXPERIMENTS for line in path.read_text().splitlines()) <= 118


@pytest.mark.parametrize(
    "override",
    [
        "fakes.resize_conv_fakes.count=300",
        "seed=5",
        "gans.resize_conv.width=32",
        "quality.inception=assets/inception",
    ],
)
def test_one_knob_is_one_line(tmp_path: Path, override: str) -> None:
    copy = tmp_path / "params.yaml"
    shutil.copy(PARAMS, copy)
    apply_overrides(copy, [override])
    lines = differing(PARAMS.read_text(), copy.read_text())
    assert [line[0] for line in lines] == ["-", "+"], lines
    assert override.split("=")[1] in lines[1]


def test_a_knob_at_its_default_is_new_lines(tmp_path: Path) -> None:
    """It is not in the file, so that its path begins with ++; its line is new, and so are those of its blocks."""
    copy = tmp_path / "params.yaml"
    shutil.copy(PARAMS, copy)
    apply_overrides(copy, ["++detectors.efficientnet_lite0.augment.blur=0.0", "++audit.max_auc=0.6"])
    lines = differing(PARAMS.read_text(), copy.read_text())
    words = [line[0] + line[1:].partition("#")[0].strip() for line in lines]  # a blank line moves, too
    assert sorted(word for word in words if len(word) > 1) == sorted(
        ["-audit: {}", "+audit:", "+max_auc: 0.6", "+augment:", "+blur: 0.0"]
    )


def test_formatting_changes_the_form_and_not_the_values(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("seed: 4   # why\nlevels: [1,   2]\ntext: 'plain'\n")
    before = read_yaml(path)
    assert SCRIPT["format_file"](path)
    assert read_yaml(path) == before
    assert path.read_text().splitlines()[:4] == ["seed: 4   # why", "levels:", "- 1", "- 2"]
    assert not SCRIPT["format_file"](path)
