"""Parsers of strangers' bytes accept the whole files of the corpus, and refuse others only as documented.

`make fuzz` is the long run.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unseen.core.errors import UserError

from . import targets
from .targets import CORPUS, TARGETS, WHOLE, corpus, is_line, tokens_of

NEEDS = {"video": "av", "upload": "fastapi"}
FILES = [(name, path) for name in TARGETS for path in corpus(name)]


def parse(name: str, data: bytes) -> bool:
    """Call a target. A test is skipped if the packages of an extra are missing."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return TARGETS[name](data)


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{name}-{path.name}" for name, path in FILES])
def test_corpus(name: str, path: Path) -> None:
    if path.suffix == ".heic" and name == "picture":
        pytest.importorskip("pillow_heif")
    accepted = parse(name, path.read_bytes())
    assert accepted or not path.name.startswith(WHOLE)


@st.composite
def damaged(draw: Callable[[st.SearchStrategy[Any]], Any], name: str) -> bytes:
    """A corpus file with bytes removed, overwritten, or replaced by tokens of its language."""
    data = bytearray(draw(st.sampled_from(corpus(name))).read_bytes())
    edit = st.binary(max_size=9) | st.sampled_from(tokens_of(name))
    for where, length, new in draw(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), edit), max_size=5)):
        at = int(where * len(data))
        data[at : at + length] = new
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 4 else data)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files(name: str) -> None:
    parse(name, corpus(name)[0].read_bytes())  # imports are not counted as time of an example

    @settings(max_examples=30, deadline=3000, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(damaged(name))
    def check(data: bytes) -> None:
        assert parse(name, data) in (True, False), "any other end is an exception"

    check()


def test_a_message_that_is_no_line_is_a_finding() -> None:
    assert is_line("params.yaml: not found")
    assert not any(map(is_line, ("", "a\nb", "a\x1b[2J", "a\u202eb")))
    with pytest.raises(AssertionError):
        targets.refused(UserError(""))


def test_an_error_that_is_not_documented_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, max_pixels: int) -> None:
        raise IndexError

    monkeypatch.setattr("unseen.faces.decode.decode", broken)
    with pytest.raises(IndexError):
        TARGETS["picture"](b"")


def test_the_long_run_reports_what_it_tried(tmp_path: Path) -> None:
    script = Path(__file__).with_name("run.py")
    command = [sys.executable, script, "limits", "metadata", "--random", "--seconds", "1", "--findings", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["limits", "metadata"]
    assert all(": ok" in line and int(line.split()[-4]) > 5 for line in lines)


def test_the_corpus_is_small() -> None:
    """It is made by make_corpus.py; findings are short inputs."""
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 300_000
