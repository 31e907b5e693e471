"""The pages: well-formed, self-contained, with the metrics in their tables and what is wrong in red."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from unseen.report.data import described, render_data
from unseen.report.page import render
from unseen.report.results import Results

from .finished_run import EVIL, SCORES
from .html_pages import Page


def test_the_pages_are_well_formed_and_need_nothing_but_each_other(report: str, data_page: str) -> None:
    for html in (report, data_page):
        page = Page(html)
        assert page.texts["title"]
        assert len(page.links) > 5
        assert {link for link in page.links if not link.startswith(("data:", "#"))} <= {"data.html", "report.html"}
        assert len(page.ids) == len(set(page.ids))
        within = set(re.findall(r'id="([^"]+)"', html))
        assert {link[1:] for link in page.links if link.startswith("#")} <= within
        assert set(re.findall(r"url\(#([^)]+)\)", html)) <= within
        assert not re.search(r"url\([^#]|@import|<script|<iframe|javascript:", html)
        assert set(re.findall(r"https?://[^/\"]+", html)) <= {"http://www.w3.org"}
    assert "data.html" in Page(report).links
    assert "report.html" in Page(data_page).links


def test_the_pages_have_the_same_bytes_for_the_same_numbers(
    results: Results, root: Path, report: str, data_page: str
) -> None:
    again = described(results, root / "data")
    assert render(results, again, root / "metrics") == report
    assert render_data(results, again) == data_page


def test_what_people_wrote_is_printed_and_not_obeyed(report: str, data_page: str) -> None:
    assert EVIL not in report + data_page
    page = Page(data_page)
    assert any(EVIL in text for text in page.texts["td.left"]), "a group"
    assert any(f"Licence: {EVIL}." in text for text in page.texts["p.soft"])
    assert any(EVIL in text for text in page.texts["p.alarm"])
    assert any(EVIL in text for text in Page(report).texts["span.soft"]), "a generator"


def test_the_report_begins_with_the_best_detector_where_it_does_worst(results: Results, report: str) -> None:
    (verdict,) = Page(report).texts["p.verdict"]
    best = results.leaderboard.iloc[0]
    assert verdict.startswith(f"{best['detector']} does best where it does worst, on {best['worst_pair']}")
    assert f"catches {best['caught']:.1%} of the fakes" in verdict
    assert f"flags {round(best['flagged'] * 1000)} of 1,000 real faces" in verdict
    assert f"AUC there is {best['auc']:.3f}" in verdict


def test_the_tables_of_the_report_hold_the_metrics(results: Results, report: str) -> None:
    page = Page(report)
    by_worst, by_set, known, unseen, *audits = page.tables
    assert [row[0] for row in by_worst[1:]] == results.leaderboard["detector"].tolist()
    assert [row[1] for row in by_worst[1:]] == [
        row["worst_pair"] + ("†" if row["marked"] else "") for row in results.leaderboard.to_dict("records")
    ]
    assert by_set[0][1:] == [
        f"{name}{one['label']}{''.join(f', {made}' for made in one['generators'])}, "
        f"n {one['called_fake']['n']}, {one['people']} identities"
        for name, one in results.detectors["dct_logistic"]["sets"].items()
    ]
    swaps = results.detectors["dct_logistic"]["sets"]["swaps_all"]
    assert by_set[2][3].startswith(f"{swaps['called_fake']['share']:.1%}")
    assert by_set[2][3].endswith(f"unsure {swaps['unsure']:.1%}")
    assert page.captions[2:4] == ["known: orl_test against gan_test", "unseen†: orl_test against swaps_all"]
    for name, rows in (("known", known), ("unseen", unseen)):
        found = results.detectors["efficientnet_lite0"]["pairs"][name]
        auc = found["auc"]
        assert rows[1] == [
            "efficientnet_lite0",
            f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})",
            f"{found['average_precision']['value']:.3f}",
            *(f"{share:.1%}" for share in (found["accuracy"], found["balanced_accuracy"])),
            *(f"{found[name]['share']:.1%}" for name in ("caught", "flagged")),
            f"{found['log_loss']:.3f}",
        ]
    assert [[row[0] for row in rows[1:]] for rows in audits] == [["file", "picture", "original"]] * 2


def test_the_report_names_what_separates_a_pair_and_the_likely_cause(results: Results, report: str) -> None:
    page = Page(report)
    trains, measured = page.tables[4:]
    assert [text for text in page.texts["h3"] if " / " in text] == ["orl / gan trains", "orl / swaps measured only"]
    assert trains[1][2:] == ["none", "", ""]
    assert measured[1][2] == "metadata"
    assert measured[1][4] == "one class carries EXIF, a profile or another density"
    assert "Separated by metadata." in page.texts["p.bad"]
    together = results.audit["pairs"]["orl / swaps"]["file"]["together"]
    assert measured[1][1] == f"{together['auc']:.2f} ({together['low']:.2f} to {together['high']:.2f})"


@pytest.mark.parametrize("name", ["report", "data_page"])
def test_what_is_wrong_stands_in_red_on_both_pages(request: pytest.FixtureRequest, name: str) -> None:
    html = request.getfixturevalue(name)
    alarms = Page(html).texts["p.alarm"]
    assert len(alarms) == 2
    assert alarms[0].startswith("orl belongs to a set that is held out for good, and trains here: “to show ")
    assert alarms[1].startswith("† unseen: the stored files of its two classes differ in metadata.")
    assert re.search(r"\.alarm \{[^}]*color: var\(--bad\)", html)


def test_no_alarm_where_nothing_is_wrong(clean: Results, sets: list[dict[str, Any]], root: Path) -> None:
    for html in (render(clean, sets, root / "metrics"), render_data(clean, sets)):
        assert "p.alarm" not in Page(html).texts
        assert "†" not in "".join(text for row in Page(html).tables for cells in row for text in cells)


def test_the_report_says_how_it_was_made(results: Results, report: str, root: Path) -> None:
    page = Page(report)
    assert any(text.startswith("python 3.11, torch 2.5.") for text in page.texts["p"])
    (dump,) = page.texts["pre"]
    assert "max_auc: 0.55" in dump
    for name in ("samples", "neighbours"):
        picture = (root / f"metrics/gans/dcgan/{name}.png").read_bytes()
        assert f"data:image/png;base64,{base64.b64encode(picture).decode()}" in page.links
    measured = next(text for text in page.texts["p"] if "kid_lite1" in text)
    for number in (
        "0.125",
        "Precision 0.0%",
        "recall 6.2%",
        "12.5% of the faces",
        "18.8% of other",
        "25.0% of fakes",
        "31.2%",
    ):
        assert number in measured
    for label in ("known", "unseen", "chance", *SCORES):
        assert label in page.texts["text"], "in the legends of the curves"
