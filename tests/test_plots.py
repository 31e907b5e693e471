"""`dvc plots show` writes a page that fits a window of 1,280 pixels: charts wrap, pictures shrink."""

import configparser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((ROOT / ".dvc/plots").glob("*.json"))
WINDOW = 1240
AXIS = 60
"""Pixels beside a chart for its axis, its title and the gap to the next."""


def definitions() -> dict[str, dict[str, Any]]:
    """Every table that is drawn, with how."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    stages = [stage.get("do", stage) for stage in graph["stages"].values()]
    listed = [entry for one in [graph, *stages] for entry in one.get("plots", []) if isinstance(entry, dict)]
    return {path: how for entry in listed for path, how in entry.items() if how.get("x")}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_no_wider_than_the_window(path: Path) -> None:
    chart = json.loads(path.read_text(encoding="utf-8"))
    assert chart["config"]["legend"]["orient"] == "bottom"  # beside a chart it makes it wider
    if "facet" not in chart:
        assert chart["width"] + AXIS <= WINDOW
        return
    assert not {"row", "column"} & set(chart["facet"])  # these don't wrap
    assert chart["columns"] * (chart["spec"]["width"] + AXIS) <= WINDOW


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_tells_several_runs_apart(path: Path) -> None:
    assert '"field": "rev"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["roc", "reliability", "seeds", "training"])
def test_a_template_of_curves_draws_one_for_each_training_seed(name: str) -> None:
    chart = json.loads((ROOT / f".dvc/plots/{name}.json").read_text(encoding="utf-8"))
    assert chart.get("spec", chart)["encoding"]["detail"]["field"] == "seed"


def test_every_template_is_used_and_there() -> None:
    ours = {path.stem for path in TEMPLATES}
    used = {how["template"] for how in definitions().values()}
    assert used - ours <= {"linear"}  # DVC's own
    assert ours <= used


def test_a_table_of_several_series_has_a_template_that_tells_them_apart() -> None:
    """DVC's own templates know runs and nothing else: they would draw all series as one."""
    for path, how in definitions().items():
        files = ROOT.glob(re.sub(r"\$\{[^}]*\}", "*", path))
        for file in files if how["template"] == "linear" else ():
            header, *rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()]
            values = [row[header.index(how["x"])] for row in rows]
            assert len(set(values)) == len(values), path


def test_the_page_shrinks_pictures_and_is_where_dvc_looks_for_it() -> None:
    config = configparser.ConfigParser()
    config.read_string(re.sub(r"^\s+", "", (ROOT / ".dvc/config").read_text(encoding="utf-8"), flags=re.MULTILINE))
    page = (ROOT / ".dvc" / config["plots"]["html_template"]).read_text(encoding="utf-8")
    assert "img { max-width: 100%" in page
    assert all(part in page for part in ("{plot_divs}", "{scripts}", "{refresh_tag}"))


def test_what_the_command_writes_is_ignored_by_git() -> None:
    assert "/dvc_plots/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
