"""Curves of each pair: ROC, and reliability before and after the temperature."""

import pandas as pd
from markupsafe import Markup

from unseen.report.pairs import of_pairs
from unseen.report.results import Measured
from unseen.report.section import Section
from unseen.report.svg import Chart, legend, share_axis


def roc_chart(roc: pd.DataFrame, pair: str, names: list[str]) -> Markup:
    """ROC curves of every detector on one pair.

    Args:
        roc: columns detector, pair, fpr, tpr.
        pair: which.
        names: the detectors, in the order of their colours.
    """
    chart = Chart(pair, share_axis("FPR"), share_axis("TPR"), 340, 300)
    chart.rule([0, 1], [0, 1])
    of = roc[roc["pair"] == pair]
    for number, name in enumerate(names):
        curve = of[of["detector"] == name]
        if len(curve):
            chart.line(curve["fpr"].tolist(), curve["tpr"].tolist(), number, steps=True)
    return chart.svg()


def reliability_chart(curves: pd.DataFrame, detector: str) -> Markup:
    """Share of fakes over mean score, in bins; the line before the temperature, the marks and line after it.

    Args:
        curves: of one detector and pair: columns temperature, predicted, observed.
        detector: its name.
    """
    chart = Chart(detector, share_axis("mean score of a bin"), share_axis("share of fakes"), 220, 210)
    chart.rule([0, 1], [0, 1])
    for number, when in enumerate(("before", "after")):
        curve = curves[curves["temperature"] == when]
        if len(curve):
            chart.line(curve["predicted"].tolist(), curve["observed"].tolist(), 1 - number, marks=True)
    return chart.svg()


def section(results: Measured) -> Section:
    """A ROC chart and a reliability chart a detector for each pair."""
    pairs = [name for name in of_pairs(next(iter(results.detectors.values()))) if (results.roc["pair"] == name).any()]
    names, curves = results.names(), results.reliability
    shown = []
    for pair in pairs:
        of = curves[curves["pair"] == pair]
        there = {name: of[of["detector"] == name] for name in names}
        shown.append(
            {
                "name": pair,
                "roc": roc_chart(results.roc, pair, names),
                "reliability": [reliability_chart(rows, name) for name, rows in there.items() if len(rows)],
            }
        )
    data = {"pairs": shown, "legend": legend(names), "when": legend(["after the temperature", "before it"])}
    return Section("curves", "Curves", data)
