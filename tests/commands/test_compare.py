"""`unseen compare`: detectors of the project, files, and both."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from evaluation.made_up import bell, columns
from unseen.core.json_files import write_json
from unseen.data.predictions import write_predictions

from .program import ROOT, run

SETS = {"orl_unseen_people": (0, -2.0), "dcgan_fakes": (1, 2.0), "resize_conv_fakes": (1, 0.0)}


@pytest.fixture
def project(tmp_path: Path, params_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two detectors with predictions on the default's sets, of which the second is blind to one generator."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params_data))
    for detector, threshold, blind in (("good", 0.4, 0.0), ("blind", 0.6, -4.0)):
        for seed, (name, (label, mean)) in enumerate(SETS.items()):
            logits = bell(mean + (blind if name == "resize_conv_fakes" else 0), 50, seed)
            file = tmp_path / "data/predictions" / detector / f"{name}.parquet"
            write_predictions(file, [columns(label, logits, None, name)])
        write_json(
            tmp_path / "models/detectors" / detector / "detector.json",
            {"seed": 4, "calibration": {"threshold": threshold, "unsure": [0.4, 0.6]}},
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_detectors_on_each_pair_at_their_own_thresholds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "compare", "good", "blind", "--json", "--resamples", "100")
    assert (code, err) == (0, [])
    found = json.loads(out[0])
    assert set(found) == {"known_generator", "unseen_generator"}
    assert found["known_generator"]["delong"]["difference"] == 0
    unseen = found["unseen_generator"]
    assert unseen["thresholds"] == [0.4, 0.6]
    assert (unseen["n"]["reals"], unseen["n"]["fakes"], unseen["n"]["only_first"]) == (50, 50, 0)
    assert unseen["delong"]["difference"] > 0.5 > 0.001 > unseen["delong"]["p"]
    assert unseen["people"]["low"] > 0.5
    code, out, _ = run(capsys, "compare", "good", "blind", "--resamples", "100")
    assert out[0].startswith(
        "known_generator: 50 reals and 50 fakes in both, joined by id; not matched: 0 of A, 0 of"
    )
    assert len(out) == 12


def test_an_ensemble_against_a_detector(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "data/ensembles").mkdir()
    (project / "data/predictions/blind").rename(project / "data/ensembles/both")
    write_json(
        project / "models/ensembles/both/ensemble.json",
        {"seed": 4, "calibration": {"threshold": 0.6, "unsure": [0.4, 0.6]}},
    )
    code, out, err = run(capsys, "compare", "good", "both", "--json", "--resamples", "100")
    assert (code, err) == (0, [])
    assert json.loads(out[0])["unseen_generator"]["thresholds"] == [0.4, 0.6]
    code, _, err = run(capsys, "compare", "good", "all")
    assert (code, err[0].endswith("with predictions; allowed: both, good")) == (2, True)


def test_a_detector_against_somebodys_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"orl_unseen_people/{i}" for i in range(40)] + [f"dcgan_fakes/{i}" for i in range(45)] + ["other"]
    scores = np.linspace(0, 1, 86)
    pd.DataFrame({"id": ids, "label": [0] * 40 + [1] * 46, "score": scores}).to_csv("theirs.csv", index=False)
    code, out, err = run(capsys, "compare", "good", "theirs.csv", "--resamples", "100")
    assert (code, err) == (0, ["the threshold of a file is 0.5 (set --thresholds A B to change it)"])
    assert out[0] == "all: 40 reals and 45 fakes in both, joined by id; not matched: 65 of A, 1 of B"
    assert [line.split()[-1] for line in out[2:4]] == ["0.4000", "0.5000"]


def test_warnings_of_files_and_ids_that_lost_their_zeros(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"id": [f"{i:03}" for i in range(40)], "label": [0, 1] * 20})
    frame["score"] = frame["label"] * 0.6 + np.linspace(0, 0.3, 40)
    frame.to_csv("a.csv")
    frame.assign(score=1 - frame["score"]).to_csv("b.csv")
    code, out, err = run(capsys, "compare", "a.csv", "b.csv", "--json", "--resamples", "100")
    warnings = json.loads(out[0])["all"]["warnings"]
    assert code == 0
    assert err[1:] == [f"warning: {warning}" for warning in warnings]
    assert [warning[:22] for warning in warnings] == ["B: the AUC's interval, "[:22]]
    pd.read_csv("a.csv").to_csv("numbers.csv")
    code, _, err = run(capsys, "compare", "a.csv", "numbers.csv")
    assert code == 2
    assert "some differ only in leading zeros: store the column `id` as text" in err[-1]


def test_what_is_neither_a_file_nor_a_detector(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "compare", "good", "gone")
    assert (code, out) == (2, [])
    assert err == ["unseen: gone: neither a file nor a detector with predictions; allowed: blind, good"]


def test_a_bad_file_is_told_row_by_row(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text("id,label,score\na,0,2\na,5,0\n")
    code, _, err = run(capsys, "compare", "good", "bad.csv")
    assert code == 2
    assert [line.split("`")[1] for line in err] == ["label", "id", "score"]


def test_training_seeds_of_a_detector_at_their_own_thresholds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (label, mean) in SETS.items():
        rows = [{**columns(label, bell(mean, 50, 9 * seed), None, name), "seed": [seed] * 50} for seed in (4, 5)]
        write_predictions(project / "data/predictions/good" / f"{name}.parquet", rows)
    frozen = {str(seed): {"threshold": seed / 10, "unsure": [0.4, 0.6]} for seed in (4, 5)}
    card = {"seed": 4, "calibration": frozen["4"], "trainings": frozen}
    write_json(project / "models/detectors/good/detector.json", card)
    code, out, _ = run(capsys, "compare", "good", "blind", "--json", "--resamples", "100")
    found = json.loads(out[0])["unseen_generator"]
    assert (code, found["seeds"], found["thresholds"]) == (0, [[4, 5], [4]], [0.4, 0.6])
    assert set(found["auc_seeds"][0]) == {"4", "5"}
    _, out, _ = run(capsys, "compare", "good", "blind", "--resamples", "100")
    assert out[1].split() == ["AUC", "over", "seeds", "accuracy", "threshold"]
    write_json(project / "models/detectors/good/detector.json", {"seed": 4, "calibration": frozen["4"]})
    code, _, err = run(capsys, "compare", "good", "blind")
    assert code == 2
    assert err[-1] == "unseen: good: training seeds 4, 5, but the detector was trained from 4; run `dvc repro`"


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    lines = ["id,label,score", *(f"f{number},{number % 2},0.{number % 7}" for number in range(40))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    program = shlex.join([sys.executable, "-m", "unseen.cli"])
    done = subprocess.run(
        ["bash", "-c", f"{program} compare a.csv <(cat a.csv) --resamples 100"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "all: 20 reals and 20 fakes in both, joined by id; not matched: 0 of A, 0 of B",
    ), done.stderr
