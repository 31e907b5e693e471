"""`unseen evaluate`: a table, JSON, and a line for each reason not to."""

import json
from pathlib import Path

import pytest

from .program import run

FEW = [
    f"warning: the {name} are of 2 people: intervals over fewer than 10 are too narrow" for name in ("reals", "fakes")
]
LINES = ["id,label,score,generator", "a,0,0.1,", "b,0,0.6,", "c,1,0.4,gan", "d,1,0.9,other"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_text("\n".join(LINES))
    return tmp_path / "mine.csv"


def test_a_table_that_says_which_threshold_it_took(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", file, "--resamples", "100")
    assert (code, err) == (0, ["threshold 0.5, since none was given (--threshold)", *FEW])
    assert out[0].startswith("2 reals, 2 fakes, 4 people; 1 true fakes, 1 false alarms, 1 missed fakes, 1 true reals")
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


def test_each_reason_is_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("\n".join([*LINES, "d,1,0.9,", "e,2,7,"]))
    code, out, err = run(capsys, "evaluate", file)
    assert (code, out) == (2, [])
    assert err == [
        f"unseen: {file}: `label` is not 0, 1, real or fake in row 6 ('2')",
        f"unseen: {file}: `id` is there more than once in rows 4, 5 ('d')",
        f"unseen: {file}: `score` is outside 0 to 1 in row 6; name the column `logit` if it is one",
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
        "f: reals flagged",
        "m: reals flagged",
        "m: fakes caught",
        "largest gap, reals flagged",
    ]
    women, men, fakes, gap = (line.split(": ")[-1].split() for line in out[at + 1 :])
    assert (women[2], women[-1]) == ("3.2%", "31"), "1 of 31"
    assert (men[2], men[-1]) == ("9.7%", "31"), "3 of 31"
    assert (fakes[2], fakes[-2:]) == ("0.0%", ["1,", "few"])
    assert gap[4] == "6.5%"
    code, out, _ = run(capsys, "evaluate", file, "--groups", "gender", "--json", "--resamples", "100")
    assert json.loads(out[0])["groups"]["gender"]["gaps"] == {"fpr": pytest.approx(2 / 31), "tpr": None}


def test_groups_that_are_not_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", file, "--groups", "gender", "age")
    assert (code, out) == (2, [])
    assert err == [f"unseen: no face has a `{name}` to group by; allowed: none yet" for name in ("gender", "age")]


@pytest.mark.parametrize(
    "options", [["--threshold", "2"], ["--threshold", "x"], ["--threshold", "nan"], ["--resamples", "1"]]
)
def test_impossible_options(file: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, "evaluate", file, *options)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
