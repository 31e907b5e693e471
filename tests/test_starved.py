"""How benchmarks/starved.py judges what a stage does when something is short."""

import signal
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from unseen.core.files import sha256_of

PLENTY, MEMORY = {}, {"memory_bytes": 1}


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import starved

    return starved


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The only output of a stage, complete."""
    (tmp_path / "work/metrics").mkdir(parents=True)
    (tmp_path / "work/metrics/all.json").write_text("complete")
    return tmp_path / "work/metrics/all.json"


def judged(starved: Any, written: Path, expected: str, code: int | None, errors: str, **cell: int) -> str:
    """The verdict on what is there now, if the complete output has the hash `expected`."""
    import starved_run

    folder = written.parents[2]
    ran = starved.Ran(
        starved_run.Step("python stages/summary.py", (), ("metrics/all.json",)), {"metrics/all.json": expected}
    )
    return starved.judged(ran, starved.Cell("disk full", "", **cell), folder, code, errors)[0]


LINE = "summary: No space left on device\n"


@pytest.mark.parametrize(
    ("content", "code", "errors", "cell", "verdict"),
    [
        ("complete", 0, "", PLENTY, "finishes"),
        ("complete", 0, "gan: 8 x image in 1.0 s, 8.0/s\n", PLENTY, "finishes"),
        ("other", 0, "", PLENTY, "FAULT wrong result"),
        (None, 0, "", PLENTY, "FAULT wrong result"),
        (None, 1, LINE, PLENTY, "one line"),
        ("complete", 1, LINE, PLENTY, "one line"),
        ("comp", 1, LINE, PLENTY, "FAULT half-written output"),
        ("comp", -signal.SIGKILL, "", MEMORY, "FAULT half-written output"),
        (None, -signal.SIGKILL, "", MEMORY, "killed"),
        (None, -signal.SIGKILL, "", PLENTY, "FAULT signal 9"),
        (None, -signal.SIGSEGV, "", MEMORY, "FAULT signal 11"),
        (None, 1, "", PLENTY, "FAULT 0 lines"),
        (None, 1, LINE * 2, PLENTY, "FAULT 2 lines"),
        (None, 1, "Traceback (most recent call last):\n", PLENTY, "FAULT traceback"),
        (None, None, LINE, PLENTY, "FAULT hangs"),
    ],
)
def test_every_fault_is_seen(
    starved: Any,
    written: Path,
    content: str | None,
    code: int | None,
    errors: str,
    cell: dict[str, int],
    verdict: str,
) -> None:
    expected = sha256_of(written)
    written.unlink() if content is None else written.write_text(content)
    assert judged(starved, written, expected, code, errors, **cell) == verdict


def test_a_temporary_file_that_is_left_is_a_fault(starved: Any, written: Path) -> None:
    expected = sha256_of(written)
    written.with_name(".all.json.x.part").touch()
    assert judged(starved, written, expected, 1, LINE) == "FAULT temporary files"


def test_the_table_counts_the_cells_of_a_shortage(starved: Any) -> None:
    verdicts = [("disk full", "one line"), ("disk full", "finishes"), ("one core", "finishes")]
    rows = [{"stage": "faces", "shortage": shortage, "verdict": verdict} for shortage, verdict in verdicts]
    assert starved.table(rows).splitlines()[-1] == "| `faces` | 1 one line, 1 finishes | finishes |"
