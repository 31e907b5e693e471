"""`unseen check`: a line for each problem, and whether a file is valid."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from unseen.sources.packaged import PACKAGED

from .program import ROOT, run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without archives, and a home without credentials."""
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "HF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    code, out, err = run(capsys, "check", ROOT / "params.yaml")
    assert (code, err) == (0, [])
    assert out[0].startswith(f"{ROOT / 'params.yaml'}: valid (")
    counts = [int(n) for n in re.findall(r"(\d+) [a-zA-Z]", out[0].split("valid")[1])]
    assert counts == [len(params[k]) for k in ("sources", "gans", "fakes", "detectors", "evaluation_sets")]
    assert out[1:] == [f"to be downloaded in the next run: {', '.join([*PACKAGED, *params['archives']])}"]


def written(data: dict[str, Any], **changes: Any) -> Path:
    """params.yaml with other values, keys divided by two underscores."""
    for path, value in changes.items():
        *steps, last = path.split("__")
        block = data
        for step in steps:
            block = block[step]
        block[last] = value
    file = Path("params.yaml")
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


def test_all_problems_at_once_each_with_its_line(
    capsys: pytest.CaptureFixture[str], params_data: dict[str, Any]
) -> None:
    """Keys, references, and folders that are not there."""
    params_data["detectors"]["dct_logistic"]["penalti"] = 100.0
    params_data["folders"]["mine"] = {"path": "photos"}
    file = written(params_data, fakes__dcgan_fakes__gan="dcgn", quality__inception="assets/none_such")
    code, out, err = run(capsys, "check", file)
    assert (code, out) == (2, [])
    assert err[-1] == "params.yaml: 4 problems"
    keys = [line.split("`")[1] for line in err[:-1]]
    assert sorted(keys) == sorted(
        ["detectors.dct_logistic.penalti", "folders.mine.path", "fakes.dcgan_fakes.gan", "quality.inception"]
    )
    text = file.read_text().splitlines()
    for line, key in zip(err, keys, strict=False):
        number = re.match(r"params\.yaml:(\d+): ", line)
        assert number
        assert text[int(number.group(1)) - 1].strip().startswith(f"{key.rpartition('.')[2]}:")
    assert [line for line in err if "penalti" in line and line.endswith("did you mean `penalty`?")]


def test_an_invalid_value_does_not_hide_a_missing_folder(
    capsys: pytest.CaptureFixture[str], params_data: dict[str, Any]
) -> None:
    params_data["folders"]["mine"] = {"path": "photos"}
    params_data["folders"]["wrong"] = {"path": 5}
    code, _, err = run(capsys, "check", written(params_data, seed=-1))
    assert (code, [line.split("`")[1] for line in err[:-1]]) == (
        2,
        ["seed", "folders.wrong.path", "folders.mine.path"],
    )
    assert err[-1] == "params.yaml: 3 problems; references between blocks are checked after these are fixed"


def test_wrong_variables_are_problems(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, params_data: dict[str, Any]
) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "two")
    monkeypatch.setenv("UNSEEN_DEVICES", "cuda")
    code, out, err = run(capsys, "check", written(params_data))
    assert (code, out) == (2, [])
    assert err[0].startswith("the environment variable UNSEEN_DEVICES is not known; ")
    assert err[0].endswith("; did you mean `UNSEEN_DEVICE`?")
    assert err[1] == "the environment variable UNSEEN_THREADS is 'two'; give a whole number from 1 to 1024"
    assert err[2] == "params.yaml: 2 problems"
    _, _, err = run(capsys, "check", written(params_data, seed=-1))
    assert err[-1].startswith("params.yaml: 3 problems; ")


def test_it_imports_nothing_heavy() -> None:
    asks = (
        "import sys; from unseen.cli import main; main(sys.argv[1:]); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'timm', 'sklearn', 'onnxruntime', 'dvc', 'pandas')))"
    )
    command = [sys.executable, "-c", asks, "check", str(ROOT / "params.yaml")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False)
    assert done.returncode == 0


def test_check_of_an_invalid_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, params_data: dict[str, Any]
) -> None:
    params_data["faces"]["sidee"] = 64
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(params_data))
    code, out, err = run(capsys, "check", file)
    assert (code, out, len(err)) == (2, [], 2)
    assert "faces.sidee" in err[0]
    assert "did you mean `side`?" in err[0]


def test_check_of_a_missing_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.yaml"):
        code, out, err = run(capsys, "check", path)
        assert (code, out, len(err)) == (2, [], 1)
        assert str(path) in err[0]


def test_explain_prints_every_knob(capsys: pytest.CaptureFixture[str], params_data: dict[str, Any]) -> None:
    """Also of a file whose folders are not there; not of one that is not valid."""
    params_data["folders"]["mine"] = {"path": "photos"}
    code, out, err = run(capsys, "check", "--explain", written(params_data))
    assert (code, err) == (0, [])
    assert next(line.split()[1] for line in out if line.startswith("folders.mine.path ")) == "photos"
    code, out, err = run(capsys, "check", "--explain", written(params_data, audit={"max_auc": 2.0}))
    assert (code, out) == (2, [])
    assert "audit.max_auc" in err[0]
