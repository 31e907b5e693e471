"""Section "Curves": ROC and reliability curves of each pair."""

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import DASHES, SOFT, chart, legend, line_legend, look, share_axis
from unseen.report.pairs import of_pairs
from unseen.report.results import Measured
from unseen.report.section import Section


def roc_chart(roc: pd.DataFrame, pair: str, names: list[str]) -> Markup:
    """Chart of the ROC curves of all detectors on one pair.

    Args:
        roc: columns detector, pair, seed, fpr, tpr.
        pair: name of the pair.
        names: the detectors, in the order of their colours.
    """
    of = roc[roc["pair"] == pair]

    def draw(axes: Axes) -> None:
        _from_0_to_1(axes, "FPR", "TPR")
        for number, name in enumerate(names):
            for _, curve in of[of["detector"] == name].groupby("seed"):
                axes.step(curve["fpr"], curve["tpr"], where="post", **{**look(number), "marker": ""})

    return chart(pair, draw, 340, 300)


def _from_0_to_1(axes: Axes, x: str, y: str) -> None:
    """Scale both axes from 0 to 100 %, and draw the diagonal."""
    axes.set(xlabel=x, ylabel=y)
    share_axis(axes.xaxis)
    share_axis(axes.yaxis)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)


def reliability_chart(curves: pd.DataFrame, detector: str, series: int) -> Markup:
    """Chart of the share of fakes over the mean score of each bin, before (dashed) and after temperature scaling.

    Args:
        curves: of one detector and pair: columns seed, temperature, predicted, observed.
        detector: name of the detector.
        series: number of the detector, which sets its colour.
    """

    def draw(axes: Axes) -> None:
        _from_0_to_1(axes, "mean score of a bin", "share of fakes")
        for when, line in (("before", DASHES[1]), ("after", DASHES[0])):
            for _, curve in curves[curves["temperature"] == when].groupby("seed"):
                axes.plot(curve["predicted"], curve["observed"], **{**look(series), "linestyle": line})

    return chart(detector, draw, 220, 210)


def section(results: Measured) -> Section:
    """Show for each pair a ROC chart, and a reliability chart for each detector."""
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
                "reliability": [
                    reliability_chart(rows, name, names.index(name)) for name, rows in there.items() if len(rows)
                ],
            }
        )
    when = line_legend(["after temperature scaling", "before temperature scaling"])
    return Section("curves", "Curves", {"pairs": shown, "legend": legend(names), "when": when})
