"""Data and audit: faces as detectors see them, and what could give a class away besides being fake."""

from typing import Any

from markupsafe import Markup

from unseen.audit.cues import CAUSES
from unseen.evaluation.wording import between
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section
from unseen.report.svg import Axis, Chart
from unseen.report.tables import Cell, Head, Table, number_cell

KINDS = ("file", "picture", "original")
BAR = 15
"""Pixels a cue."""


def cue_chart(kind: str, cues: dict[str, dict[str, float]]) -> Markup:
    """The AUC of each cue of a kind with its interval, highest first.

    Args:
        kind: file, picture or original.
        cues: auc, low and high of each.
    """
    ordered = sorted(cues.items(), key=lambda item: (item[1]["auc"], item[0]))
    y = Axis("", -0.6, len(ordered) - 0.4, tuple((place, name) for place, (name, _) in enumerate(ordered)))
    x = Axis("AUC, 0.5 is chance", 0.3, 1.0, tuple((tick, f"{tick:.1f}") for tick in (0.3, 0.5, 0.7, 0.9, 1.0)))
    chart = Chart(f"of the {kind}", x, y, 340, 70 + BAR * len(ordered), left=150)
    for place, (_, found) in enumerate(ordered):
        chart.bar(min(found["auc"], 0.5), max(found["auc"], 0.5), place - 0.32, place + 0.32)
        chart.rule([found["low"], found["high"]], [place, place])
    chart.rule([0.5, 0.5], [y.low, y.high])
    return chart.svg()


def _row(kind: str, of: dict[str, Any], separated: bool) -> list[Cell]:
    together, best = of["together"], of["cues"][of["carried_by"]]
    bad = "bad" if kind == "file" and separated else ""
    cells = [Cell(kind), Cell(f"{together['auc']:.2f}", _between(together), together["auc"], bad)]
    if best["low"] <= 0.5:
        return [*cells, Cell("none", kind="words"), Cell(""), Cell("", kind="words")]
    return [
        *cells,
        Cell(of["carried_by"], kind="words"),
        number_cell(best["auc"], digits=2),
        Cell(CAUSES[of["carried_by"]], kind="words"),
    ]


def _between(found: dict[str, float]) -> str:
    return between(found["auc"], found, "{:.2f}".format)


def section(results: Measured, sets: list[dict[str, Any]]) -> Section:
    """Sample faces of each set, and a table and charts for each audited pair.

    Args:
        results: of anybody.
        sets: from `data.described`.
    """
    title = "Data and audit"
    if not isinstance(results, Results):
        return Section("data", title, missing=OWN_RUN)
    pairs = []
    for name, found in results.audit["pairs"].items():
        table = Table(
            f"{name}: cross-validated AUC of simple classifiers, with 95 % intervals.",
            [
                *(Head("Cues of the"), Head("Together"), Head("Carried by", words=True), Head("Alone")),
                Head("Likely cause", words=True),
            ],
            [_row(kind, found[kind], bool(found["separated_by"])) for kind in KINDS],
            ["audit.csv"],
        )
        charts = [cue_chart(kind, found[kind]["cues"]) for kind in KINDS]
        pairs.append({"name": name, "found": found, "table": table, "charts": charts})
    return Section("data", title, {"sets": sets, "pairs": pairs})
