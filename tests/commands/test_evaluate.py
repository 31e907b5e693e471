"""`unseen evaluate`: a table, JSON, and a line for each reason not to."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .program import run

FEW = [
    f"warning: the {name} are 2 pictures without identities: intervals over fewer than 10 people are too narrow"
    for name in ("reals", "fakes")
]
LINES = ["id,label,score,generator", "a,0,0.1,", "b,0,0.6,", "c,1,0.4,gan", "d,1,0.9,other"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_text("\n".join(LINES))
    return tmp_path / "mine.csv"


def test_a_table_that_says_which_threshold_it_took(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", file, "--resamples", "100")
    assert (code, err) == (0, ["the threshold is 0.5 (set --threshold to change it)", *FEW])
    assert out[0].startswith(
        "2 reals, 2 fakes, 4 pictures without identities; 1 true positives, 1 false positives, 1 false negatives, "
        "1 true negatives"
    )
    cells = [line.split() for line in out]
    assert ["AUC", "0.7500"] in [row[:2] for row in cells]
    assert ["accuracy", "0.5000"] in [row[:2] for row in cells]
    generators = [row[:3] for row in cells if row[0] == "of" and row[1] in ("gan", "other")]
    assert generators == [["of", "gan", "0.0%"], ["of", "other", "100.0%"]], "the worst generator first"


def test_another_threshold_and_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", file, "--threshold", "0.7", "--json", "--resamples", "100")
    assert (code, err, len(out)) == (0, FEW, 1)
    found = json.loads(out[0])
    assert (found["threshold"], found["accuracy"], found["at_half"]["accuracy"]) == (0.7, 0.75, 0.5)
    code, out, _ = run(capsys, "evaluate", file, "--threshold", "0.7", "--resamples", "100")
    assert "at threshold 0.7" in out
    assert "at threshold 0.5" in out


@pytest.mark.parametrize("where", ["beside", "in the file"])
def test_the_frozen_threshold_of_a_file_is_used(file: Path, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    scope = json.dumps({"detector": "lite", "threshold": 0.7})
    if where == "beside":
        file.with_name("mine.csv.meta.json").write_text(scope)
    else:
        table = pa.Table.from_pandas(pd.read_csv(file).fillna(""))
        file = file.with_suffix(".parquet")
        pq.write_table(table.replace_schema_metadata({"unseen.scope": scope}), file)
    code, out, err = run(capsys, "evaluate", file, "--resamples", "100", "--json")
    assert (code, json.loads(out[0])["threshold"]) == (0, 0.7)
    assert err == ["the threshold is the frozen one of lite, 0.7 (set --threshold to change it)", *FEW]
    code, out, _ = run(capsys, "evaluate", file, "--resamples", "100", "--json", "--threshold", "0.3")
    assert json.loads(out[0])["threshold"] == 0.3, "what the user gives comes first"


@pytest.mark.parametrize(
    ("scopes", "message"),
    [
        ([{"detector": "a", "threshold": 0.7}, {"detector": "a", "threshold": 0.6}], "a.csv 0.7, b.csv 0.6"),
        ([{"detector": "a", "threshold": 0.7}, None], "a.csv 0.7, b.csv none"),
        ([{"detector": "a"}, None], "a.csv.meta.json: has no valid detector and threshold"),
    ],
)
def test_files_that_disagree_on_the_threshold(
    tmp_path: Path, scopes: list[object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for number, (path, scope) in enumerate(zip(files, scopes, strict=True)):
        path.write_text("id,label,score\n" + f"r{number},0,0.1\nf{number},1,0.9\n")
        if scope:
            path.with_name(f"{path.name}.meta.json").write_text(json.dumps(scope))
    code, out, err = run(capsys, "evaluate", *files)
    assert (code, out, len(err)) == (2, [], 1)
    assert message in err[0]
    assert err[0].endswith("give --threshold")


def test_each_reason_is_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("\n".join([*LINES, "d,1,0.9,", "e,2,7,"]))
    code, out, err = run(capsys, "evaluate", file)
    assert (code, out) == (2, [])
    assert err == [
        f"unseen: {file}: `label` is not 0, 1, real or fake in row 6 ('2')",
        f"unseen: {file}: `id` is not unique in rows 4, 5 ('d')",
        f"unseen: {file}: `score` is outside 0 to 1 in row 6; name a column of logits `logit`",
    ]


def test_rates_by_the_groups_that_are_asked_for(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["id,label,score,gender", "a,0,0.1,f", "b,0,0.6,m", "c,1,0.4,m", "d,1,0.9,"]
    lines += [f"r{i},0,{0.9 if i < 3 else 0.1},{'f' if i % 2 else 'm'}" for i in range(60)]
    file.write_text("\n".join(lines))
    code, out, _ = run(capsys, "evaluate", file, "--groups", "gender", "--resamples", "100")
    assert code == 0
    at = next(i for i, line in enumerate(out) if line.startswith("by gender"))
    assert [line.split("  ")[0] or line.strip().split("  ")[0] for line in out[at:]] == [
        "by gender",
        "f: FPR",
        "m: FPR",
        "m: TPR",
        "largest gap, FPR",
    ]
    women, men, fakes, gap = (line.split(": ")[-1].split() for line in out[at + 1 :])
    assert (women[1], women[-1]) == ("3.2%", "31"), "1 of 31"
    assert (men[1], men[-1]) == ("9.7%", "31"), "3 of 31"
    assert (fakes[1], fakes[-2:]) == ("0.0%", ["1,", "few"])
    assert gap[3] == "6.5%"
    code, out, _ = run(capsys, "evaluate", file, "--groups", "gender", "--json", "--resamples", "100")
    assert json.loads(out[0])["groups"]["gender"]["gaps"] == {"fpr": pytest.approx(2 / 31), "tpr": None}


def test_groups_that_are_not_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", file, "--groups", "gender", "age")
    assert (code, out) == (2, [])
    assert err == [f"unseen: no face has the attribute `{name}`; allowed: none yet" for name in ("gender", "age")]


def test_groups_of_a_column_without_a_value(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("id,label,score,only,other\na,0,0.1,,x\nb,1,0.9,,y\n")
    code, out, err = run(capsys, "evaluate", file, "--groups", "only", "othr")
    assert (code, out) == (2, [])
    assert err == [
        "unseen: the column `only` is empty in every row; allowed: other",
        "unseen: no face has the attribute `othr`; allowed: other; did you mean `other`?",
    ]


def test_a_file_without_our_columns_has_its_rows_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"image": ["a"], "p": [0.5]}).to_parquet(tmp_path / "a.parquet")
    code, _, err = run(capsys, "evaluate", tmp_path / "a.parquet")
    assert (code, [line for line in err if "row" in line]) == (2, [])


def warned(folder: Path, frame: pd.DataFrame, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """What `unseen evaluate` warns of."""
    frame.to_parquet(folder / "warned.parquet")
    code, out, err = run(capsys, "evaluate", folder / "warned.parquet", "--json", "--resamples", "100", *options)
    assert code == 0
    found = json.loads(out[0])["warnings"]
    assert [line for line in err if line.startswith("warning: ")] == [f"warning: {warning}" for warning in found]
    return [str(warning) for warning in found]


def test_what_a_careful_tool_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"id": range(40), "label": [i % 2 == 1 for i in range(40)]})
    frame["score"] = frame["label"] * 0.5 + np.linspace(0, 0.7, 40)[::-1].clip(0, 0.49)
    assert warned(tmp_path, frame, capsys) == []
    turned, opposite = frame.assign(label=~frame["label"]), frame.assign(logit=-frame["score"])
    page = tmp_path / "page.html"
    (below,) = warned(tmp_path, turned, capsys, "--page", str(page))
    assert "is below 0.5: labels or scores may be inverted" in below
    assert "is below 0.5: labels or scores may be inverted" in page.read_text(encoding="utf-8")
    assert "rank faces in opposite orders" in warned(tmp_path, opposite, capsys)[1]
    assert "all faces are of one person" in warned(tmp_path, frame.assign(identity="Ann"), capsys)[0]
    assert (
        "the fakes are of 1 person"
        in warned(tmp_path, frame.assign(identity=[None if i % 2 == 0 else "Ann" for i in range(40)]), capsys)[0]
    )


def test_one_person_has_the_intervals_of_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"id": range(60), "label": [0, 1] * 30, "score": np.sin(range(60)) / 2 + 0.5})
    found = []
    for identity in ("Ann", None):
        frame.assign(identity=identity).to_csv(tmp_path / "a.csv")
        _, out, _ = run(capsys, "evaluate", tmp_path / "a.csv", "--json", "--resamples", "100")
        found.append(json.loads(out[0])["auc"])
    assert found[0] == found[1]
    assert found[0]["low"] < found[0]["value"] < found[0]["high"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id;label;score\na;real;0,5\nb;fake;1,5\n", "`score` is outside 0 to 1 in row 2"),
        ("id,label,score\na,True,0.5\nb,fake,0.5\n", "`label` mixes real/fake with True/False: use 0"),
        ("image,target,prob\na,0,0.5\n", "has no column `score` or `logit` (its columns: image, target, prob)"),
        ("id,label,score\na,0,NaN\nb,1,0.5\n", "`score` is not a finite number in row 1"),
        (",label,score\na,0,0.1\n", "(its columns: label, score)"),
    ],
)
def test_hints(file: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    file.write_text(text)
    code, out, err = run(capsys, "evaluate", file)
    assert (code, out) == (2, [])
    assert says in err[-1]


def test_an_index_without_a_name_is_no_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"id": ["x", "y"], "label": [0, 1], "score": [0.1, 0.9], "age": [1, 2]}, index=["a", "b"])
    frame.to_parquet(tmp_path / "a.parquet")
    _, _, err = run(capsys, "evaluate", tmp_path / "a.parquet", "--groups", "gender")
    assert err == ["unseen: no face has the attribute `gender`; allowed: age"]


def test_an_index_without_a_name_is_no_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"label": [0, 1], "score": [0.1, 0.9]}, index=["a", "b"]).to_parquet(tmp_path / "a.parquet")
    code, _, err = run(capsys, "evaluate", tmp_path / "a.parquet")
    assert code == 2
    assert err[-1].endswith(
        "has no column `id` or `path` (its columns: label, score); a pandas index without a name is not read"
    )


@pytest.mark.skipif(
    not sys.prefix.isascii(), reason="in an ASCII locale Python does not start from an environment with another path"
)
def test_a_locale_that_is_not_utf8(file: Path) -> None:
    file.write_text("\n".join(LINES).replace("gan", "gän"), encoding="utf-8")
    page = file.with_name("page.html")
    done = subprocess.run(
        [sys.executable, "-m", "unseen.cli", "evaluate", file, "--page", page, "--resamples", "100"],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert "gän" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("gone/page.html", "the folder {folder}/gone does not exist; create it, or give another path"),
        ("mine.csv/page.html", "{folder}/mine.csv is not a folder; give another path"),
        ("page.pdf", "give the page a file name that ends in .html"),
        ("mine.csv", "give the page a file name that ends in .html"),
        ("mine.html", "is an input, which would be lost; give the page another path"),
        ("folder.html", "a folder; give the path of a file"),
        ("fifo.html", "not a regular file, so it is not replaced; give another path"),
        ("link.html", "a symbolic link, which is not replaced; give the path that it leads to"),
    ],
)
def test_where_a_page_can_not_be_written(
    file: Path, capsys: pytest.CaptureFixture[str], page: str, says: str
) -> None:
    """Nothing is measured before."""
    folder = file.parent
    shutil.copy(file, folder / "mine.html")
    (folder / "folder.html").mkdir()
    os.mkfifo(folder / "fifo.html")
    (folder / "link.html").symlink_to(folder / "elsewhere.html")
    before = sorted(folder.iterdir())
    code, out, err = run(capsys, "evaluate", file, folder / "mine.html", "--page", folder / page)
    assert (code, out, err) == (2, [], [f"unseen: {folder / page}: {says.format(folder=folder)}"])
    assert sorted(folder.iterdir()) == before
    assert file.read_text() == (folder / "mine.html").read_text() == "\n".join(LINES)


@pytest.mark.parametrize(
    "options", [["--threshold", "2"], ["--threshold", "x"], ["--threshold", "nan"], ["--resamples", "1"]]
)
def test_impossible_options(file: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, "evaluate", file, *options)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_training_seeds_are_averaged_and_their_range_is_printed(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"{row},{seed}"
        for seed in (4, 5)
        for row in ("a,0,0.1", f"b,0,{0.6 if seed == 4 else 0.3}", "c,1,0.4", "d,1,0.9")
    ]
    file.write_text("\n".join(["id,label,score,seed", *rows]))
    code, out, _ = run(capsys, "evaluate", file, "--resamples", "100")
    assert code == 0
    assert out[0].startswith("2 reals, 2 fakes, 4 pictures without identities; 1 true positives, 0.5 false positives")
    assert out[1] == "means over 2 training seeds; intervals over people and training seeds"
    (auc,) = [line for line in out if line.startswith("AUC")]
    assert auc.split()[1] == "0.8750"
    assert auc.endswith("; seeds 0.7500 to 1.0000")
