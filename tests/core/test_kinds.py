"""Kinds are found by their files, and their settings are read without the imports of their networks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from conftest import PARAMS, ROOT
from unseen.core import kinds
from unseen.core.errors import UserError

HEAVY = """\
import no_such_package
from no_such_package import far

from typing import ClassVar, Literal

from pydantic import Field

from unseen.core.settings import Settings as Block

HALF = far(2)


class InnerSettings(Block):
    deep: int = 1


class Settings(Block):
    flag: ClassVar[bool] = True

    kind: Literal["heavy"]
    width: int = Field(16, ge=1)
    inner: InnerSettings = InnerSettings()


class Network(no_such_package.Module):
    pass
"""
LIGHT = HEAVY.replace("heavy", "light").replace("    width: int = Field(16, ge=1)\n", "    height: float = 0.5\n")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two kinds and what is none."""
    folder = tmp_path / "things/kinds"
    folder.mkdir(parents=True)
    (folder / "heavy.py").write_text(HEAVY)
    (folder / "light.py").write_text(LIGHT)
    (folder / "__init__.py").write_text("")
    monkeypatch.setattr(kinds, "ROOMS", tmp_path)
    monkeypatch.setattr(kinds, "settings_of", kinds.settings_of.__wrapped__)  # without what was read before
    return folder


def test_kinds_are_the_files_with_settings(room: Path) -> None:
    assert kinds.kinds("things/kinds") == ["heavy", "light"]


def test_settings_are_read_without_the_rest_of_the_file(room: Path) -> None:
    settings: Any = kinds.settings_of("things/kinds", "heavy")
    assert settings(kind="heavy").model_dump() == {"kind": "heavy", "width": 16, "inner": {"deep": 1}}
    assert settings.flag is True
    with pytest.raises(ValidationError):
        settings(kind="heavy", width=0)


def test_any_kind_is_told_by_its_key(room: Path) -> None:
    either: Any = TypeAdapter(kinds.any_settings("things/kinds", "kind"))
    assert either.validate_python({"kind": "light"}).height == 0.5
    assert either.validate_python({"kind": "heavy"}).width == 16
    with pytest.raises(ValidationError, match="height"):
        either.validate_python({"kind": "heavy", "height": 1.0})


def test_one_item_is_read_by_its_kind(room: Path, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "things:\n  a: {kind: heavy, width: 3}\n  b: {kind: haevy}\n  c: {width: 3}\n  d: {kind: light, x: 1}\n"
    )
    assert kinds.read_kind(file, ["things", "a"], "things/kinds").width == 3
    for name, said in (
        ("b", r"`things\.b\.kind` is 'haevy'; allowed: heavy, light; did you mean `heavy`\?"),
        ("c", r"`things\.c\.kind` is missing; allowed: heavy, light"),
        ("d", r"`things\.d\.x` is not a known key"),
    ):
        with pytest.raises(UserError, match=said):
            kinds.read_kind(file, ["things", name], "things/kinds")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"there is no things/kinds/new\.py; allowed: heavy, light"),
        ("class Settings(:\n", r"things/kinds/new\.py:1: "),
        ("x = 1\n", r"things/kinds/new\.py has no `class Settings`"),
        (HEAVY.replace("Field(16", "Field(HALF"), r"things/kinds/new\.py: the settings use `HALF`"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(room: Path, text: str | None, said: str) -> None:
    if text is not None:
        (room / "new.py").write_text(text)
    with pytest.raises(UserError, match=said):
        kinds.settings_of("things/kinds", "new")


@pytest.mark.parametrize(
    "kind", ['kind: Literal["light"]', 'kind: Literal["new", "light"]', "kind: str", "kynd: str"]
)
def test_the_key_is_the_name_of_the_file(room: Path, kind: str) -> None:
    (room / "new.py").write_text(HEAVY.replace('kind: Literal["heavy"]', kind))
    with pytest.raises(
        UserError, match=r'things/kinds/new\.py: its class Settings must have `kind: Literal\["new"\]`'
    ):
        kinds.any_settings("things/kinds", "kind")


def test_a_params_file_is_checked_without_torch() -> None:
    """The default and `unseen check`: what else is imported takes a tenth of torch's time."""
    program = (
        "import sys; from unseen.cli import main; code = main(['check', sys.argv[1]]); "
        "assert 'unseen.params.check' in sys.modules; "
        "print(code, sorted({'torch', 'timm', 'sklearn', 'scipy', 'onnxruntime', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(PARAMS)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"
