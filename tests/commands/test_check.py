"""`unseen check`: one line for a file that is valid, one for the first mistake in one that is not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .program import ROOT, run


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    code, out, err = run(capsys, "check", ROOT / "params.yaml")
    assert (code, err, len(out)) == (0, [], 1)
    assert out[0].startswith(f"{ROOT / 'params.yaml'}: valid (")
    counts = [int(n) for n in re.findall(r"(\d+) [a-zA-Z]", out[0].split("valid")[1])]
    assert counts == [len(params[k]) for k in ("sources", "gans", "fakes", "detectors", "evaluation_sets")]


def test_check_of_an_invalid_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, params_data: dict[str, Any]
) -> None:
    params_data["faces"]["sise"] = 64
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(params_data))
    code, out, err = run(capsys, "check", file)
    assert (code, out, len(err)) == (2, [], 1)
    assert "faces.sise" in err[0]
    assert "did you mean `size`?" in err[0]


def test_check_of_what_is_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.yaml"):
        code, out, err = run(capsys, "check", path)
        assert (code, out, len(err)) == (2, [], 1)
        assert str(path) in err[0]
