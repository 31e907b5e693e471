"""The leaderboard in a terminal, and what its marks mean."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest

from commands.program import run
from unseen.evaluation import wording
from unseen.evaluation.wording import between
from unseen.report.results import Results
from unseen.report.terminal import table

from .finished_run import EVIL


def ends(row: dict[Hashable, Any]) -> dict[str, float]:
    return {"low": row["auc_low"], "high": row["auc_high"]}


def percents(low: float, high: float) -> str:
    return wording.ends(100 * low, 100 * high, "{:.1f}".format) + "%"


def test_the_terminal_shows_each_detector_at_its_worst_and_marks_it(results: Results) -> None:
    lines = table(results).splitlines()
    assert lines[0].endswith("at their frozen thresholds; means over 3 training seeds; “seeds” is the range:")
    assert " ".join(lines[1].split()) == "detector worst pair AUC seeds 95 % TPR seeds FPR seeds bal. acc."
    first, second = results.leaderboard.to_dict("records")
    assert (first["worst_pair"], first["marked"]) == ("known", "")
    for line, row in zip(lines[2:4], (first, second), strict=True):
        assert line.split() == [
            *(row["detector"], row["worst_pair"] + ("*" if row["marked"] else "")),
            *f"{row['auc']:.3f} {wording.ends(row['auc_min'], row['auc_max'], '{:.2f}'.format)}".split(),
            *between(row["auc"], ends(row), "{:.2f}".format).split(),
            *f"{row['tpr']:.1%} {percents(row['tpr_min'], row['tpr_max'])}".split(),
            *f"{row['fpr']:.1%} {percents(row['fpr_min'], row['fpr_max'])}".split(),
            f"{row['balanced_accuracy']:.1%}",
        ]
    assert (second["worst_pair"], second["marked"]) == ("unseen", "metadata")
    assert lines[5].split() == ["TPR", "known", "unseen*"]
    tpr = [results.detectors["dct_logistic"]["pairs"][name]["tpr"] for name in ("known", "unseen")]
    ranges = [f"({percents(min(of), max(of))})" for of in (one["seeds"].values() for one in tpr)]
    both = " ".join(f"{one['share']:.1%} {text}" for one, text in zip(tpr, ranges, strict=True))
    assert " ".join(lines[7].split()) == f"dct_logistic {both}"


def test_with_one_training_seed_the_terminal_has_no_ranges(one_seed: Results) -> None:
    lines = table(one_seed).splitlines()
    assert lines[0].endswith("at their frozen thresholds; one training seed:")
    assert " ".join(lines[1].split()) == "detector worst pair AUC 95 % TPR FPR bal. acc."
    assert all(len(line.split()) < 10 for line in lines[2:4])
    assert not [line for line in lines[:8] if "(" in line]


def test_the_terminal_says_what_its_marks_mean(results: Results) -> None:
    notes = table(results).split("\n\n")[-1].splitlines()
    assert [note[:2] for note in notes] == ["* ", "No", "! "]
    assert "unseen: the stored files of its classes differ in metadata" in notes[0]
    assert f"orl is always held out, but trains in this run: to show {EVIL}" in notes[2]


def test_the_terminal_has_no_notes_where_nothing_is_wrong(clean: Results) -> None:
    text = table(clean)
    assert "*" not in text
    assert "!" not in text
    assert text.splitlines()[-3].startswith("dct_logistic")
    assert text.splitlines()[-1].startswith("No detector is shown to be better than both chance"), "nor is one"


def test_the_command_prints_the_table_of_the_folder_it_is_in(
    results: Results, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    code, out, err = run(capsys, "results")
    assert (code, out, err) == (0, table(results).splitlines(), [])
