"""The pages: well-formed, self-contained, with the metrics in their tables and what is wrong in red."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from closure import ROOT
from unseen.evaluation.wording import between, ends, over_seeds
from unseen.report import results as of_results
from unseen.report.data import described, render_data
from unseen.report.page import render, sections
from unseen.report.pictures import small_uri
from unseen.report.results import Results

from .finished_run import EVIL, SCORES
from .html_pages import Page

ORDER = [
    *("verdict", "leaderboard", "generators", "pairs", "curves", "robustness", "groups"),
    *("speed", "explanations", "data", "made"),
]


def of_report() -> set[str]:
    """What the pipeline's graph says will lie beside the page."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    stages = [graph[name] for name in ("report", "audit", "robustness", "spectra")]
    outs = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    names = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
    return {name.removeprefix("metrics/") for name in names}


def test_the_pages_are_well_formed_and_need_nothing_but_each_other(report: str, data_page: str, root: Path) -> None:
    beside = of_report()
    for html in (report, data_page):
        page = Page(html)
        assert page.texts["title"]
        assert len(page.links) > 5
        files = {link for link in page.links if not link.startswith(("data:", "#"))}
        assert all(link in beside or (root / "metrics" / link).exists() for link in files), files
        assert len(page.ids) == len(set(page.ids))
        within = set(re.findall(r'id="([^"]+)"', html))
        assert {link[1:] for link in page.links if link.startswith("#")} <= within
        assert not re.search(r"url\(|@import|<iframe|<object|javascript:| on\w+=", html)
        assert not re.findall(r"https?://[^/\"]+", html)
        assert "default-src 'none'; img-src data:;" in unescape(html)
    assert "data.html" in Page(report).links
    assert "report.html" in Page(data_page).links


def test_the_only_script_is_the_one_that_the_policy_names(report: str, data_page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", report, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in unescape(report)
    assert "<script" not in data_page


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
    assert any(EVIL in text for text in page.texts["p.notice"])
    assert any(EVIL in text for text in Page(report).texts["span.soft"]), "a generator"


def test_sections_stand_in_the_order_in_which_they_are_acted_on(report: str) -> None:
    page = Page(report)
    assert [name for name in page.ids if name in ORDER] == ORDER
    contents = [link for link in page.links if link[1:] in ORDER]
    assert contents == [f"#{name}" for name in ORDER]
    assert page.links[page.links.index("#main") :][0] == "#main", "the skip link is there"


def lines(value: float, found: dict[str, Any], write: Callable[[float], str]) -> str:
    """What stands below a number: its range over training seeds, and its interval."""
    return f"seeds {over_seeds(found['seeds'], write)} 95 % {between(value, found, write)}"


def table(page: Page, caption: str) -> list[list[str]]:
    """The rows of the first table whose caption begins so."""
    return next(rows for rows, text in zip(page.tables, page.captions, strict=True) if text.startswith(caption))


def test_the_leaderboard_and_the_sets_hold_the_metrics(results: Results, report: str) -> None:
    page = Page(report)
    by_worst, by_set = table(page, "Each detector on its worst pair"), table(page, "Share called fake")
    assert [row[0] for row in by_worst[1:]] == results.leaderboard["detector"].tolist()
    assert [row[1] for row in by_worst[1:]] == [
        row["worst_pair"] + ("†" if row["marked"] else "") for row in results.leaderboard.to_dict("records")
    ]
    best = results.leaderboard.iloc[0]
    auc = results.detectors[best["detector"]]["pairs"][best["worst_pair"]]["auc"]
    assert by_worst[1][3] == f"{best['auc']:.3f}{lines(auc['value'], auc, '{:.3f}'.format)}"
    tpr = results.detectors[best["detector"]]["pairs"][best["worst_pair"]]["tpr"]
    assert by_worst[1][4] == f"{best['tpr']:.1%}{lines(tpr['share'], tpr, '{:.1%}'.format)} n {tpr['n']}"
    assert by_worst[1][7:] == ["40n 64", "1,234,567"]
    assert by_set[0][1:] == [
        name + ", ".join([one["label"], *one["generators"], f"n {one['called_fake']['n']}", "no identities"])
        for name, one in results.detectors["dct_logistic"]["sets"].items()
    ]
    swaps = results.detectors["dct_logistic"]["sets"]["swaps_all"]
    assert by_set[2][3].startswith(f"{swaps['called_fake']['share']:.1%}")
    assert by_set[2][3].endswith(f"unsure {swaps['unsure']:.1%}")


def test_the_matrix_has_the_generator_that_is_caught_least_first(results: Results, report: str) -> None:
    rows = table(Page(report), "TPR at the threshold")
    generators = results.matrix.columns[7:].tolist()
    assert rows[0] == ["Detector", "Trained on fakes of", "Worst", "Mean", *generators]
    of = results.matrix[results.matrix["measure"] == "tpr"].set_index("detector")
    shares = [of[name].mean() for name in generators]
    assert shares == sorted(shares)
    row = next(row for row in rows if row[0] == "dct_logistic")
    measured = results.detectors["dct_logistic"]["generators"]
    worst = of.loc["dct_logistic", "worst_generator"]
    seeds = over_seeds(measured[worst]["tpr"]["seeds"], "{:.1%}".format)
    assert row[2] == f"{of.loc['dct_logistic', 'worst']:.1%}seeds {seeds} {worst}"
    means = [np.mean([one["tpr"]["seeds"][seed] for one in measured.values()]) for seed in ("4", "5", "6")]
    assert np.mean(means) == pytest.approx(of.loc["dct_logistic", "mean"])
    mean = f"{of.loc['dct_logistic', 'mean']:.1%}± {of.loc['dct_logistic', 'std']:.1%}"
    assert row[3] == f"{mean} seeds {ends(min(means), max(means), '{:.1%}'.format)}"


def test_each_pair_has_every_number_and_its_baselines(results: Results, report: str) -> None:
    page = Page(report)
    found = results.detectors["efficientnet_lite0"]["pairs"]["known"]
    captions = ("How well scores rank", "TPR at a low FPR", "Decisions at", "Number of faces", "Calibration errors")
    ranking, points, verdicts, counts, errors = (table(page, text) for text in captions)
    auc, eer, at_fpr = found["auc"], found["eer"], found["at_fpr"]
    assert ranking[1][1] == f"{auc['value']:.3f}{lines(auc['value'], auc, '{:.3f}'.format)}"
    assert ranking[1][3].startswith(f"{eer['value']:.3f}")
    assert points[1][1] == "n/anot measurable with 150 validation reals"
    frozen = at_fpr["fpr_1"]["frozen"]
    assert points[1][2].startswith(f"{frozen['tpr']['share']:.1%}")
    assert points[1][2].endswith(f" FPR {frozen['fpr']['share']:.1%}")
    reals = sum(found["people"]["reals"].values())
    assert reals < 100
    assert points[1][5] == f"n/anot measurable with {reals} reals"
    oracle = at_fpr["fpr_5"]["oracle"]["tpr"]
    assert points[1][6] == f"{oracle['share']:.1%}{lines(oracle['share'], oracle, '{:.1%}'.format)}"
    assert [row[0].split(":")[0] for row in ranking[3:]] == ["baseline"] * 4
    cue = results.audit["pairs"]["orl / gan"]["picture"]
    assert ranking[3][0] == f"baseline: {cue['carried_by']}of the picture"
    assert ranking[3][1].startswith(f"{cue['cues'][cue['carried_by']]['auc']:.3f}")
    assert verdicts[1][:2] == ["efficientnet_lite0", "its own, 0.425 to 0.550"]
    by_seed = found["by_seed"].values()
    for number, of, halves in ((1, found, by_seed), (2, found["at_half"], [one["at_half"] for one in by_seed])):
        rates = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
        assert all(
            cell.startswith(f"{of[name]:.1%}seeds ") for cell, name in zip(verdicts[number][2:], rates, strict=True)
        )
        cells = ("true_positives", "false_positives", "false_negatives", "true_negatives")
        for cell, name in zip(counts[number][2:], cells, strict=True):
            of_seeds = [one["confusion"][name] for one in halves]
            mean = f"{of['confusion'][name]:.1f}".removesuffix(".0")
            assert cell == f"{mean}seeds {ends(min(of_seeds), max(of_seeds), '{:.0f}'.format)}"
    assert errors[0][3] == "ECEof the probability of being fake"
    names = ("log_loss", "ece", "mse", "rmse")
    for row, of, when in ((errors[1], found, "after"), (errors[2], found["before_temperature"], "before")):
        assert row[1] == f"{when} temperature"
        assert [cell[:5] for cell in row[2:]] == [f"{of[name]:.3f}" for name in names]
    eces = [one["ece"] for one in by_seed]
    assert errors[1][3][5:] == f"seeds {min(eces):.3f} to {max(eces):.3f}"


@pytest.mark.usefixtures("no_charts")
def test_matched_pairs_come_first_and_all_faces_last(results: Results, root: Path) -> None:
    def with_match(metrics: dict[str, Any]) -> dict[str, Any]:
        pairs = {name: {**pair, "matched": name == "unseen"} for name, pair in metrics["pairs"].items()}
        pooled = {key: value for key, value in pairs["known"].items() if key not in ("reals", "fakes", "matched")}
        return {**metrics, "pairs": pairs, "pooled": pooled}

    detectors = {name: with_match(metrics) for name, metrics in results.detectors.items()}
    page = Page(render(replace(results, detectors=detectors), [], root / "metrics"))
    headings = [text for text in page.texts["h3"] if " against " in text]
    assert [text.split(" ")[0].rstrip("†") for text in headings] == ["unseen", "known", "all"]
    assert [text.rsplit("fakes ")[-1] for text in headings[:2]] == ["matched", "not matched"]
    assert page.texts["span.badge"] == ["matched", "not matched"]


def test_what_changes_do_stands_beside_clean(report: str) -> None:
    page = Page(report)
    rows = table(page, "known: balanced accuracy")
    assert [row[0] for row in rows[1:]] == ["clean", "jpeg 90quality", "jpeg 30quality", "blur 2sigma, pixels"]
    assert rows[3][1] == "62.5%TPR 100.0%, FPR 75.0%"
    assert table(page, "known: mean shift")[1][1] == "+1.50 / -0.25"
    assert "n 60 reals and 50 fakes a level" in " ".join(page.captions)


@pytest.mark.usefixtures("no_charts")
def test_groups_are_shown_with_their_gaps(results: Results, root: Path) -> None:
    def rate(share: float, n: int) -> dict[str, Any]:
        return {"share": share, "low": 0.0, "high": 1.0, "n": n, "seeds": {"4": share - 0.1, "5": share + 0.1}}

    groups = {
        "old": {"reals": 40, "fakes": 9, "fpr": rate(0.25, 40), "tpr": rate(0.5, 9), "small": ["tpr"]},
        EVIL: {"reals": 50, "fakes": 0, "fpr": rate(0.125, 50), "tpr": None, "small": ["tpr"]},
    }
    gaps = {"4": {"fpr": 0.25, "tpr": None}, "5": {"fpr": 0.0, "tpr": None}}
    age = {"groups": groups, "gaps": {"fpr": 0.125, "tpr": None}, "gaps_by_seed": gaps, "without": 7}
    found = {"known": {"age": age}}
    detectors = {
        name: {**metrics, "groups": found, "groups_without": ["unseen"]}
        for name, metrics in results.detectors.items()
    }
    page = Page(render(replace(results, detectors=detectors), [], root / "metrics"))
    rows = table(page, "known, by age")
    assert rows[1][:4] == ["old", "40", "9", "25.0%seeds 15.0% to 35.0% 95 % 0.0% to 100.0% n 40"]
    assert rows[1][4] == "50.0%seeds 40.0% to 60.0% 95 % 0.0% to 100.0% n 9; few"
    assert rows[2][0] == EVIL
    gap = "12.5%seeds 0.0% to 25.0%"
    assert rows[3] == ["gaplargest minus smallest", "", "", gap, "n/a", gap, "n/a"]
    assert "Pairs without these attributes: unseen." in page.texts["p.missing"]


@pytest.mark.usefixtures("no_charts")
def test_groups_that_a_model_guessed_have_a_notice(results: Results, root: Path) -> None:
    group = {"reals": 40, "fakes": 0, "fpr": None, "tpr": None, "small": []}
    one = {"groups": {"man": group}, "gaps": {"fpr": None, "tpr": None}, "gaps_by_seed": {}, "without": 0}

    def notices(attribute: str) -> list[str]:
        detectors = {name: {**of, "groups": {"known": {attribute: one}}} for name, of in results.detectors.items()}
        page = Page(render(replace(results, detectors=detectors), [], root / "metrics"))
        assert table(page, f"known, by {attribute}")[1][0] == "man"
        return [text for text in page.texts["p.notice"] if "guessed" in text]

    assert notices("gender") == []
    (notice,) = notices("zero_shot_gender")
    assert notice.startswith("zero_shot_gender: a model guessed these attributes from the pictures (zero-shot).")


def test_heat_and_its_pictures_are_shown(report: str) -> None:
    page = Page(report)
    rows = table(page, "Share of heat on the face")
    assert rows[1][:3] == ["dct_logisticGrad-CAM", "75.0%50.0% to 87.5%, n 30 area 62.5%", "n/a"]
    assert rows[1][-1] == f"{EVIL} -0.12 (-0.25 to +0.00)"
    assert any(link.startswith("data:image/webp;base64,") for link in page.links)


def test_what_is_missing_says_why(results: Results, root: Path) -> None:
    bare = replace(
        results,
        robustness=pd.DataFrame(columns=["detector", "pair"]),
        gate=pd.DataFrame(columns=["detector", "set"]),
        heat={},
        speed={},
        costs=[],
        training=results.training[:0],
    )
    empty = root / "nothing"
    (empty / "gans").mkdir(parents=True, exist_ok=True)
    if not (empty / "gans/dcgan").exists():
        (empty / "gans/dcgan").symlink_to(root / "metrics/gans/dcgan")
    why = {section.name: section.missing for section in sections(bare, [], empty) if section.missing}
    assert set(why) == {"robustness", "groups", "speed", "explanations"}
    assert "metrics/robustness.csv" in why["robustness"]
    assert "metrics/speed" in why["speed"]
    page = Page(render(bare, [], empty))
    assert any("metrics/costs has no files" in text for text in page.texts["p.missing"])


def test_the_report_names_what_separates_a_pair_and_the_likely_cause(results: Results, report: str) -> None:
    page = Page(report)
    trains, measured = table(page, "orl / gan: cross"), table(page, "orl / swaps: cross")
    assert [text for text in page.texts["h3"] if " / " in text] == [
        "orl / gan training",
        "orl / swaps evaluation only",
    ]
    assert trains[1][2:] == ["none", "", ""]
    assert measured[1][2] == "metadata"
    assert measured[1][4] == "one class has EXIF, a colour profile or a different density"
    assert "Separated by metadata." in page.texts["p.bad"]
    together = results.audit["pairs"]["orl / swaps"]["file"]["together"]
    assert measured[1][1] == f"{together['auc']:.2f}{between(together['auc'], together, '{:.2f}'.format)}"


@pytest.mark.parametrize("name", ["report", "data_page"])
def test_what_is_wrong_stands_in_red_on_both_pages(request: pytest.FixtureRequest, name: str) -> None:
    html = request.getfixturevalue(name)
    notices = Page(html).texts["p.notice"]
    assert len(notices) == 2
    assert notices[0].startswith("orl is from a set that is always held out, but trains in this run: “to show ")
    assert notices[1].startswith("† unseen: the stored files of its two classes differ in metadata.")
    assert re.search(r"\.notice \{[^}]*color: var\(--bad\)", html)


@pytest.mark.usefixtures("no_charts")
def test_no_alarm_where_nothing_is_wrong(clean: Results, sets: list[dict[str, Any]], root: Path) -> None:
    for html in (render(clean, sets, root / "metrics"), render_data(clean, sets)):
        assert "p.notice" not in Page(html).texts
        assert "†" not in "".join(text for row in Page(html).tables for cells in row for text in cells)


def test_the_report_says_how_it_was_made(report: str, root: Path) -> None:
    page = Page(report)
    costs = table(page, "Time and memory of each stage")
    assert [row[:3] for row in costs[1:]] == [
        ["train_gan dcgan", "1 min 15 s", "2 min 30 s"],
        ["faces orl", "4.5 s", "9.0 s"],
        ["all2 stages", "1 min 20 s", "2 min 39 s"],
    ], "the page's own cost is of the run before and left out"
    assert table(page, "Detectors: kind")[1] == [
        "efficientnet_lite0",
        "efficientnet_lite0",
        "4, 5, 6",
        "n/a",
        "python 3.11, torch 2.5",
    ]
    (dump,) = page.texts["pre"]
    assert "max_auc: 0.55" in dump
    for name in ("samples", "neighbours"):
        assert small_uri(root / f"metrics/gans/dcgan/{name}.png") in page.links
    measured = next(text for text in page.texts["p"] if "kid_lite1" in text)
    shares = (
        "0.125",
        "Precision 0.0%",
        "recall 6.2%",
        "12.5% of its training faces",
        "18.8% of other",
        "25.0% of fakes",
        "31.2%",
    )
    for number in shares:
        assert number in measured
    for label in ("known", "unseen", *SCORES):
        assert label in page.texts["text"] + page.texts["li"], "in the titles and legends of the curves"


def test_charts_and_details_have_the_best_detectors_and_tables_have_all(
    results: Results, sets: list[dict[str, Any]], root: Path, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_results, "CHARTED", 1)
    best, other = results.names()
    short = render(results, sets, root / "metrics")
    assert len(short) < len(report)
    page = Page(short)
    labels = page.texts["text"] + page.texts["li"]
    assert best in labels
    assert other not in labels
    for caption in (
        "Each detector on its worst pair",
        "Share called fake",
        "AUC of each detector",
        "Detectors: kind",
    ):
        assert {row[0] for row in table(page, caption)[1:]} == {best, other}
    assert {row[0] for row in table(page, "Decisions at")[1:]} == {best}
    said = "Here are the 1 best of 2 detectors"
    assert sum(said in text for text in page.texts["p"]) == 4, "pairs, curves, robustness, training"
    assert said not in report
