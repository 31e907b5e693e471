"""The program `unseen`, within a test's process or as one of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unseen.cli import main

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[str], list[str]]:
    """Exit code, lines on stdout, lines on stderr."""
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def program(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`unseen` as a process of its own."""
    command = [sys.executable, "-m", "unseen.cli", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, check=False, **options)
