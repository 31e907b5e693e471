"""`unseen results`: tables, or one line where there is nothing to show."""

from pathlib import Path

import pytest

from .program import ROOT, run


def test_results_without_a_run_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "results")
    assert (code, out, len(err)) == (2, [], 1)
