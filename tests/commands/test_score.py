"""`unseen score`: any detector's predictions on two folders, and a line for each picture that has none."""

import json
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from serve.test_predict import make_artifact
from unseen.core.files import sha256_of
from unseen.evaluation.external import read_external
from unseen.faces.settings import FaceSettings

from .program import program, run

PLUGIN = """
from PIL import Image

def predict(path):
    return Image.open(path).convert("L").resize((1, 1)).getpixel((0, 0)) / 255
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two real pictures and three fakes, by two generators and by nobody said, of known greys; and a note."""
    from PIL import Image

    greys = {
        "reals/a.png": 51,
        "reals/b, \u00e4.png": 0,
        "fakes/one/a.png": 255,
        "fakes/two/deep/c.PNG": 102,
        "fakes/d.png": 204,
    }
    for name, grey in greys.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), grey).save(tmp_path / name)
    (tmp_path / "fakes/note.txt").write_text("no picture")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scored(
    capsys: pytest.CaptureFixture[str], *more: str | Path, detector: str | Path = "plugin.py", out: str = "out.csv"
) -> tuple[int, list[str]]:
    """Exit code and lines on stderr; the progress line is left out."""
    folders = [] if "--reals" in more or "--fakes" in more else ["--reals", "reals", "--fakes", "fakes"]
    code, said, err = run(capsys, "score", "--detector", detector, *folders, "--out", out, *more)
    assert said == []
    return code, [line for line in err if not line.startswith("score: ")]


def plugin(body: str) -> None:
    Path("plugin.py").write_text(body)


RAISES = """import asyncio, numpy as np
def raises(error):
    raise error
class Silent(Exception):
    def __str__(self):
        raise ValueError
"""


def answering(value: str) -> None:
    """A plugin that answers so for one picture, and 0.5 for the others."""
    plugin(f"{RAISES}\ndef predict(path):\n    return {value} if path.endswith('one/a.png') else 0.5\n")


def test_a_row_a_picture_with_its_class_generator_and_hash(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = scored(capsys)
    assert (code, err) == (
        0,
        [
            "fakes: skipped 1 file without an image suffix (such as note.txt)",
            "5 pictures scored, 0 without a score, in out.csv",
            "to compute metrics: unseen evaluate out.csv",
        ],
    )
    found = pd.read_csv("out.csv", keep_default_na=False)
    assert list(found.columns) == ["id", "sha256", "set", "source", "generator", "label", "score"]
    assert found[["id", "set", "source", "generator", "label", "score"]].to_numpy().tolist() == [
        ["reals/a.png", "reals", "reals", "", 0, 0.2],
        ["reals/b, \u00e4.png", "reals", "reals", "", 0, 0.0],
        ["fakes/d.png", "fakes", "fakes", "fakes", 1, 0.8],
        ["fakes/one/a.png", "fakes", "one", "one", 1, 1.0],
        ["fakes/two/deep/c.PNG", "fakes", "two", "two", 1, 0.4],
    ]
    assert found["sha256"].tolist() == [sha256_of(Path(name)) for name in found["id"]]
    assert json.loads(Path("out.csv.meta.json").read_text()) == {
        "detector": "plugin.py",
        "scope": "plugin.py: unknown scope: its training data and its TPR are not known",
        "scored": 5,
        "without_a_score": 0,
    }


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_detector_of_this_project_gives_verdicts_and_its_scope(
    folders: Path,
    capsys: pytest.CaptureFixture[str],
    face_detector_model: bytes,
    face_settings: FaceSettings,
    orl_pictures: dict[str, bytes],
    out: str,
) -> None:
    make_artifact(folders / "models/detectors/drawn", face_detector_model, face_settings)
    for number, picture in enumerate(list(orl_pictures.values())[:6]):
        (folders / f"reals/{number}.pgm").write_bytes(picture)
    code, err = scored(capsys, "--reals", "reals", detector="drawn", out=out)
    assert code == 1, "the grey pictures have no face"
    table = pd.read_csv(out) if out.endswith("csv") else pd.read_parquet(out)
    assert list(table.columns[-3:]) == ["logit", "score", "verdict"]
    assert len(table) == 6
    for row in table.itertuples():
        assert row.score == pytest.approx(1 / (1 + math.exp(-row.logit / 2)))
        band = 0.25 <= row.score <= 0.75
        assert row.verdict == ("unsure" if band else "fake" if row.score >= 0.5 else "not flagged")
    meta = json.loads(Path(f"{out}.meta.json").read_text())
    assert meta["scope"] in err
    assert meta["scope"].startswith("drawn: a demonstration, too small to rely on: ")
    assert (meta["threshold"], meta["temperature"], meta["max_fpr"]) == (0.5, 2.0, 0.05)
    assert (meta["scored"], meta["without_a_score"]) == (6, 2)
    code, _, _ = run(capsys, "evaluate", out, "--threshold", "0.5")
    assert code == 2, "one class alone"


@pytest.mark.parametrize("out", ["mine/out.csv", "out.parquet"])
def test_evaluate_and_compare_read_it_as_it_is(folders: Path, capsys: pytest.CaptureFixture[str], out: str) -> None:
    Path("mine").mkdir()
    assert scored(capsys, "--set", "holiday", out=out)[0] == 0
    code, said, _ = run(capsys, "evaluate", out, "--threshold", "0.5", "--resamples", "100")
    assert code == 0
    assert said[0].startswith(
        "2 reals, 3 fakes, 5 pictures without identities; 2 true positives, 0 false positives, 1 false negatives, "
        "2 true negatives"
    )
    assert [line.split()[1] for line in said if line.startswith("  of ")] == ["two", "fakes", "one", "reals"]
    code, said, _ = run(capsys, "compare", out, out, "--resamples", "100")
    assert code == 0
    assert said[0] == "all: 2 reals and 3 fakes in both, joined by id; not matched: 0 of A, 0 of B"
    table = pd.read_csv(out) if out.endswith("csv") else pd.read_parquet(out)
    assert set(table["set"]) == {"holiday"}


def test_one_class_only(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scored(capsys, "--fakes", "fakes/one")[0] == 0
    assert pd.read_csv("out.csv")[["id", "generator", "label"]].to_numpy().tolist() == [["one/a.png", "one", 1]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("float('nan')", "`predict` returned NaN"),
        ("np.float32('nan')", "`predict` returned NaN"),
        ("1.5", "`predict` returned 1.5, which is outside 0 to 1"),
        ("-1e-9", "`predict` returned -1e-09, which is outside 0 to 1"),
        ("float('inf')", "`predict` returned inf, which is outside 0 to 1"),
        ("'0.5'", "`predict` returned '0.5', which is not a number"),
        ("None", "`predict` returned None, which is not a number"),
        ("True", "`predict` returned True, which is not a number"),
        ("np.bool_(True)", "`predict` returned np.True_, which is not a number"),
        ("np.array([0.1, 0.2])", "`predict` returned array([0.1, 0.2]), which is not a number"),
        ("1 / 0", "`predict` raised ZeroDivisionError: division by zero"),
        ("exit('bye')", "`predict` raised SystemExit: bye"),
        ("exit()", "`predict` raised SystemExit: None"),
        ("__import__('sys').exit()", "`predict` raised SystemExit"),
        ("__import__('os')._exit(0)", "`predict` raised os._exit(0)"),
        ("raises(asyncio.CancelledError('x'))", "`predict` raised CancelledError: x"),
        ("raises(Silent())", "`predict` raised Silent"),
        ("open('gone')", "`predict` raised FileNotFoundError: [Errno 2] No such file or directory: 'gone'"),
    ],
)
def test_a_picture_without_a_score_is_named_and_has_no_row(
    folders: Path, capsys: pytest.CaptureFixture[str], value: str, reason: str
) -> None:
    answering(value)
    code, err = scored(capsys)
    assert code == 1
    assert err[1:3] == [f"fakes/one/a.png: {reason}", "4 pictures scored, 1 without a score, in out.csv"]
    assert "fakes/one/a.png" not in pd.read_csv("out.csv")["id"].tolist()


@pytest.mark.parametrize("value", ["1", "np.float32(1)", "np.array(1.0)", "__import__('torch').tensor(1.0)"])
def test_numbers_of_every_kind(folders: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    answering(value)
    assert scored(capsys)[0] == 0
    assert pd.read_csv("out.csv")["score"].max() == 1.0


def test_where_no_picture_has_a_score_nothing_is_written(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin("def predict(path):\n    raise ValueError('two\\nlines')\n")
    Path("out.csv").write_text("of an earlier run")
    code, err = scored(capsys)
    assert code == 2
    assert "fakes/d.png: `predict` raised ValueError: two lines" in err
    assert err[-1] == f"unseen: {folders / 'out.csv'}: not written, because no picture has a score"
    assert Path("out.csv").read_text() == "of an earlier run"
    assert not list(folders.glob(".out.csv*"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def score(path): ...", "has no function `predict`; write one: def predict(path: str) -> float"),
        ("predict = 0.5", "has no function `predict`"),
        ("def predict(path)", "can't be loaded: SyntaxError"),
        ("import not_there_at_all", "can't be loaded: ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("raise SystemExit(0)", "can't be loaded: SystemExit: 0"),
        ("import os\nos._exit(0)", "can't be loaded: os._exit(0)"),
        ("import asyncio\nraise asyncio.CancelledError", "can't be loaded: CancelledError"),
    ],
)
def test_a_file_that_is_no_detector_is_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], body: str, says: str
) -> None:
    plugin(body)
    code, err = scored(capsys)
    assert code == 2
    assert err[-1].startswith("unseen: plugin.py: ")
    assert says in err[-1]
    assert not Path("out.csv").exists()


def test_a_plugin_may_import_what_lies_beside_it_and_go_elsewhere(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("theirs").mkdir()
    Path("theirs/beside_it.py").write_text("HALF = 0.5")
    text = (
        "import os, beside_it\nos.chdir('/')\ndef predict(path):\n    open(path).close()\n    return beside_it.HALF"
    )
    Path("theirs/plugin").write_text(text)  # any name will do
    assert scored(capsys, detector="theirs/plugin")[0] == 0
    assert pd.read_csv(folders / "out.csv")["score"].tolist() == [0.5] * 5


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--reals", "gone"], "unseen: gone: not a folder"),
        (["--reals", "empty"], "unseen: empty: no picture in this folder; skipped: nothing"),
        (["--reals", "reals", "--fakes", "reals"], "is among the reals and the fakes"),
        (["--reals", "fakes/one", "--fakes", "fakes"], "is among the reals and the fakes"),
        (["--reals", "reals", "--fakes", "elsewhere/reals"], "reals/a.png: would be the id of a real and a fake"),
        (["--detector", "gone.py"], "unseen: gone.py: not found; give a Python file"),
        (["--detector", "reals"], "unseen: reals/detector.json: not found"),
        (["--out", "out.json"], "unseen: out.json: give predictions a file name that ends in .csv or .parquet"),
        (["--out", "plugin.py/out.csv"], "unseen: plugin.py/out.csv: plugin.py is not a folder; give another"),
        (["--out", "gone/out.csv"], "unseen: gone/out.csv: the folder gone does not exist; create it, or give"),
        (["--out", "folder.csv"], "unseen: folder.csv: a folder; give the path of a file"),
        (["--out", "taken.csv"], "unseen: taken.csv.meta.json: a folder; give the path of a file"),
        (["--out", "theirs.csv", "--detector", "theirs.csv"], "unseen: theirs.csv: is an input, which would be lost"),
    ],
)
def test_what_can_not_start_is_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], more: Sequence[str], says: str
) -> None:
    for name in ("empty", "folder.csv", "taken.csv.meta.json"):
        Path(name).mkdir()
    shutil.copy("plugin.py", "theirs.csv")
    shutil.copytree("fakes/one", "elsewhere/reals")
    code, err = scored(capsys, *more)
    assert (code, says in err[-1]) == (2, True), err
    assert not Path("out.csv").exists()
    assert not Path("gone").exists()
    assert Path("theirs.csv").read_text() == PLUGIN


def test_neither_reals_nor_fakes(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "score", "--detector", "plugin.py", "--out", "out.csv")
    assert (code, err) == (2, ["unseen: nothing to score: give --reals, --fakes, or both"])


def test_a_name_that_is_no_text_has_a_row_and_can_not_write_to_the_terminal(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x\udcff.png", "y\x1b[31m.png"):
        shutil.copy("fakes/d.png", os.fsencode(f"fakes/{name}"))
    plugin("def predict(path):\n    return 2 if '31m' in path else 0.5\n")
    for out in ("out.csv", "out.parquet"):
        code, err = scored(capsys, out=out)
        assert code == 1
        assert "fakes/y\\x1b[31m.png: `predict` returned 2, which is outside 0 to 1" in err
        table = pd.read_csv(out) if out.endswith("csv") else pd.read_parquet(out)
        assert "fakes/x\\udcff.png" in table["id"].tolist()


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_carriage_return_in_a_name(folders: Path, capsys: pytest.CaptureFixture[str], out: str) -> None:
    for name in ("fakes/a\rb.png", "fakes/\n.png", "reals/;.png"):
        shutil.copy("fakes/d.png", name)
    assert scored(capsys, out=out)[0] == 0
    assert {"fakes/a\rb.png", "fakes/\n.png", "reals/;.png"} <= set(read_external(Path(out))["id"])


TALKS = """
import logging, os, subprocess, sys
print("loading \\x1b[31m", end="")
log = logging.StreamHandler()
def predict(path):
    sys.stdout.buffer.write(b"half \\xc3")
    sys.stdout.buffer.write(b"\\xa4 \\xff\\n")
    print("a\\tname\\x1b]0;title\\x07", "over\\rwritten")
    print("\\x9b2J", file=sys.stderr)
    log.emit(logging.LogRecord("", 0, "", 0, "logged \\x1b[2J", None, None))
    if not (child := os.fork()):
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) / 10
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_plugin_prints_is_escaped_and_no_output(folders: Path) -> None:
    """Its children end as they would."""
    plugin(TALKS)
    done = program("score", "--detector", "plugin.py", "--fakes", "fakes/one", "--out", "out.csv", stdout=-1)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[:6] == [
        "loading \\x1b[31m",
        "half \u00e4 \\xff",
        "a\tname\\x1b]0;title\\x07 over",
        "written",
        "\\x9b2J",
        "logged \\x1b[2J",
    ]
    assert pd.read_csv("out.csv")["score"].tolist() == [0.7]


def test_a_plugin_that_closes_its_output(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin("import sys\ndef predict(path):\n    sys.stdout.close()\n    return 0.5\n")
    assert scored(capsys)[0] == 0


def test_a_plugin_that_ends_the_process_is_no_success(folders: Path) -> None:
    plugin("import os\ndef predict(path):\n    os._exit(0)\n")
    done = program("score", "--detector", "plugin.py", "--fakes", "fakes/one", "--out", "out.csv")
    assert (done.returncode, Path("out.csv").exists()) == (2, False)
    assert "fakes/one/a.png: `predict` raised os._exit(0)" in done.stderr


def test_help_says_that_the_code_is_run() -> None:
    done = program("score", "--help", stdout=-1)
    assert (done.returncode, done.stderr) == (0, "")
    assert "THE CODE OF THAT FILE IS RUN" in done.stdout


# ---- a detector of this project


def test_a_detectors_folder_scores_as_predict_does_by_the_frozen_numbers(
    tmp_path: Path,
    face_detector_model: bytes,
    face_settings: FaceSettings,
    orl_pictures: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import json

    monkeypatch.chdir(tmp_path)
    make_artifact(tmp_path / "drawn", face_detector_model, face_settings)
    Path("reals").mkdir()
    for number, data in enumerate(list(orl_pictures.values())[:3]):
        Path(f"reals/{number}.pgm").write_bytes(data)
    Path("reals/none.png").write_bytes(b"no picture")
    threads = torch.get_num_threads()
    code, err = scored(capsys, "--reals", "reals", detector="drawn", out="out.parquet")
    assert code == 1
    assert err[0].startswith("drawn: a demonstration")
    assert err[1].startswith("reals/none.png: not_an_image: ")
    assert err[-1] == "to compute metrics: unseen evaluate out.parquet --threshold 0.5"
    found = pd.read_parquet("out.parquet")
    assert found["id"].tolist() == ["reals/0.pgm", "reals/1.pgm", "reals/2.pgm"]
    _, lines, _ = run(capsys, "predict", "--json", "--detector", "drawn", *found["id"])
    torch.set_num_threads(threads)
    for column in ("logit", "score"):
        assert found[column].tolist() == pytest.approx([json.loads(line)[column] for line in lines[1:]], abs=1e-9)
    assert found["verdict"].tolist() == [json.loads(line)["verdict"] for line in lines[1:]]
    limits = {"sharpness": 0.0, "blockiness": 9.0, "side": 500.0, "turn": 9.0, "faces": {}, "outside": {}}
    Path("drawn/gate.json").write_text(json.dumps(limits))
    scored(capsys, "--reals", "reals", detector="drawn", out="out.parquet")
    gated = pd.read_parquet("out.parquet")
    assert set(gated["verdict"]) == {"unsure"}  # as `unseen predict` says: the faces are too small
    assert gated["score"].tolist() == found["score"].tolist()
    assert np.allclose(found["score"], 1 / (1 + np.exp(-found["logit"] / 2.0)))
