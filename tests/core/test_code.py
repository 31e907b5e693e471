"""Hashes of this project's own code."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from unseen.core import code, files
from unseen.core.code import code_hash, own_code


def test_a_modules_hash_is_that_of_its_file() -> None:
    found = code_hash([files, code])
    assert list(found) == ["unseen.core.code", "unseen.core.files"]
    assert found["unseen.core.files"] == hashlib.sha256(Path(files.__file__).read_bytes()).hexdigest()


def test_a_module_without_a_file_has_no_hash() -> None:
    package = ModuleType("made_up")
    package.__file__ = None  # as of a folder that is a package without __init__.py
    assert code_hash([package]) == {}


def test_own_code_is_every_loaded_module_of_ours_and_no_other() -> None:
    found = own_code()
    assert {"unseen", "unseen.core.code", "unseen.core.files"} <= set(found)
    assert all(name.split(".")[0] == "unseen" for name in found)
    assert all(len(value) == 64 for value in found.values())


def test_a_module_that_is_loaded_later_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = ModuleType("unseen.late")
    late.__file__ = str(tmp_path / "late.py")
    Path(late.__file__).write_text("x = 1\n")
    before = own_code()
    monkeypatch.setitem(sys.modules, "unseen.late", late)
    monkeypatch.setitem(sys.modules, "unseeing", ModuleType("unseeing"))
    first = own_code()
    assert set(first) - set(before) == {"unseen.late"}
    Path(late.__file__).write_text("x = 2\n")
    assert own_code()["unseen.late"] != first["unseen.late"]
