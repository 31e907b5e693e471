"""The page of external predictions: what they can show, and nothing else."""

from pathlib import Path

import pytest

from commands.program import run

from .html_pages import Page

OWN = {"robustness", "groups", "speed", "explanations", "data", "made"}
LINES = [
    "id,label,score,generator,source",
    *("a,0,0.1,,street", "b,0,0.6,,street", "c,0,0.2,,studio"),
    *("d,1,0.4,gan,", "e,1,0.9,other,", "f,1,0.8,gan,"),
]


@pytest.fixture
def page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Page:
    (tmp_path / "mine.csv").write_text("\n".join(LINES))
    out = tmp_path / "out.html"
    code, _, err = run(capsys, "evaluate", tmp_path / "mine.csv", "--page", out, "--resamples", "100")
    assert (code, err[-1]) == (0, f"the page: {out}")
    return Page(out.read_text())


def test_it_says_what_predictions_can_say(page: Page) -> None:
    (verdict,) = page.texts["p.verdict"]
    assert verdict.startswith("mine on all faces: at threshold 0.5 it detects 66.7%")
    generator, notices, measured = page.texts["dd"]
    assert generator.startswith("50.0% TPR on gan")
    assert "training" not in generator, "nobody said what trained it"
    assert notices.startswith("500 of 1,000 real faces of street")
    assert measured == "3 real faces and 3 fakes real faces: no identities: intervals treat each picture as a person"
    captions = dict(zip(page.captions, page.tables, strict=True))
    ranking = next(rows for text, rows in captions.items() if text.startswith("How well scores rank"))
    assert ranking[1][:2] == ["mine", "0.889" + ranking[1][1][5:]], "8 of 9 pairs are in order"
    sources = next(rows for text, rows in captions.items() if text.startswith("FPR at the threshold"))
    assert sources[0][1:] == ["street", "studio"]
    errors = next(rows for text, rows in captions.items() if text.startswith("Calibration errors"))
    assert [row[1] for row in errors[1:]] == ["after temperature"], (
        "there are no logits, so nothing is known of before"
    )
    assert "One training seed: no range over trainings. Intervals are over pictures" in " ".join(page.texts["p"])
    assert "seeds" not in " ".join(cell for rows in page.tables for row in rows for cell in row)


def test_it_leaves_out_what_needs_a_run_of_the_pipeline(page: Page) -> None:
    assert "p.missing" not in page.texts
    assert not set(page.ids) & OWN
    assert {"verdict", "leaderboard", "generators", "pairs", "curves"} <= set(page.ids)
    assert not {f"#{name}" for name in OWN} & set(page.links), "nor do the contents lead there"
    leaderboard = page.tables[0]
    assert "Parameters" not in leaderboard[0]
    assert "n/a" not in leaderboard[1]
    assert not [link for link in page.links if not link.startswith(("#", "data:"))], "no file lies beside it"


def test_with_logits_there_is_a_curve_from_before_the_temperature(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["id,label,score,logit", "a,0,0.4,-1", "b,1,0.9,6", "c,1,0.7,2", "d,0,0.2,-4"]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    run(capsys, "evaluate", tmp_path / "mine.csv", "--page", tmp_path / "out.html", "--resamples", "100")
    html = (tmp_path / "out.html").read_text()
    assert "before temperature scaling" in "".join(Page(html).texts["li"])
    errors = next(rows for rows in Page(html).tables if "Log loss" in rows[0])
    assert [row[1] for row in errors[1:]] == ["after temperature", "before temperature"]
    assert "n/a" not in errors[2]


def test_a_page_that_can_t_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text("\n".join(LINES))
    (tmp_path / "a.html").mkdir()
    code, _, err = run(capsys, "evaluate", tmp_path / "mine.csv", "--page", tmp_path / "a.html", "--resamples", "100")
    assert (code, err) == (2, [f"unseen: {tmp_path / 'a.html'}: a folder; give the path of a file"])
