import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from unseen.core import instructions
from unseen.core.errors import UserError


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the variables is set; what a test sets is removed at its end."""
    for name in (*instructions.VARIABLES, "UNSEEN_AVX512"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def cpuinfo(tmp_path: Path, flags: str) -> Path:
    """A file as Linux writes it."""
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: X\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\n")
    return tmp_path / "cpuinfo"


def chosen() -> dict[str, str]:
    return {name: os.environ[name] for name in instructions.VARIABLES if name in os.environ}


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(
    ("flags", "limited"), [("avx avx2 avx512f avx512vl", True), ("avx avx2", False), ("sse4_1", False)]
)
def test_only_a_processor_with_avx512_is_limited(tmp_path: Path, flags: str, limited: bool) -> None:
    instructions.limit_to_avx2(cpuinfo(tmp_path, flags))
    assert chosen() == (instructions.VARIABLES if limited else {})


@pytest.mark.usefixtures("unset")
def test_nothing_is_set_where_the_system_does_not_say(tmp_path: Path) -> None:
    instructions.limit_to_avx2(tmp_path / "none")
    assert chosen() == {}


@pytest.mark.usefixtures("unset")
def test_the_users_choice_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = cpuinfo(tmp_path, "avx2 avx512f")
    monkeypatch.setenv("UNSEEN_AVX512", "1")
    instructions.limit_to_avx2(file)
    assert chosen() == {}
    monkeypatch.setenv("UNSEEN_AVX512", "yes")
    with pytest.raises(UserError, match="UNSEEN_AVX512 is 'yes'"):
        instructions.limit_to_avx2(file)
    monkeypatch.setenv("UNSEEN_AVX512", "0")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    instructions.limit_to_avx2(file)
    assert chosen() == {**instructions.VARIABLES, "ONEDNN_MAX_CPU_ISA": "SSE41"}


@pytest.mark.skipif(not instructions.has_avx512(), reason="without AVX-512 there is nothing to limit")
@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(("avx512", "capability"), [("0", "AVX2"), ("1", "AVX512")])
def test_a_stage_is_limited_before_it_imports_torch(avx512: str, capability: str) -> None:
    program = "import _stage, torch; print(torch.backends.cpu.get_cpu_capability())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "stages"), "UNSEEN_AVX512": avx512},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [capability]
