"""Section "Curves": ROC and reliability curves of each pair."""

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import DASHES, SOFT, chart, legend, line_legend, look, share_axis, width
from unseen.report.pairs import of_pairs
from unseen.report.results import Measured, training_seeds
from unseen.report.section import Section


def roc_chart(roc: pd.DataFrame, pair: str, names: list[str]) -> Markup:
    """Chart of the ROC curves of all detectors on one pair, one for each training seed.

    Args:
        roc: columns detector, pair, seed, fpr, tpr.
        pair: name of the pair.
        names: the detectors, in the order of their colours.
    """
    of = roc[roc["pair"] == pair]

    def draw(axes: Axes) -> None:
        _from_0_to_1(axes, "FPR", "TPR")
        for number, name in enumerate(names):
            own = of[of["detector"] == name].groupby("seed")
            for _, curve in own:
                style = look(number) | width(own.ngroups) | {"marker": ""}
                axes.step(curve["fpr"], curve["tpr"], where="post", **style)

    return chart(pair, draw, 340, 300)


def _from_0_to_1(axes: Axes, x: str, y: str) -> None:
    """Scale both axes from 0 to 100 %, and draw the diagonal."""
    axes.set(xlabel=x, ylabel=y)
    share_axis(axes.xaxis)
    share_axis(axes.yaxis)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)


def reliability_chart(curves: pd.DataFrame, detector: str, series: int) -> Markup:
    """Chart of the share of fakes over the mean score of each bin, before (dashed) and after temperature scaling.

    Each training seed has a line of each kind; bins have markers if there is one seed.

    Args:
        curves: of one detector and pair: columns seed, temperature, predicted, observed.
        detector: name of the detector.
        series: number of the detector, which sets its colour.
    """

    def draw(axes: Axes) -> None:
        _from_0_to_1(axes, "mean score of a bin", "share of fakes")
        for when, line in (("before", DASHES[1]), ("after", DASHES[0])):
            own = curves[curves["temperature"] == when].groupby("seed")
            for _, curve in own:
                style = look(series) | width(own.ngroups) | {"linestyle": line}
                style |= {"marker": ""} if own.ngroups > 1 else {}
                axes.plot(curve["predicted"], curve["observed"], **style)

    return chart(detector, draw, 220, 210)


def section(results: Measured) -> Section:
    """Show for each pair a ROC chart, and a reliability chart for each detector."""
    pairs = [name for name in of_pairs(next(iter(results.detectors.values()))) if (results.roc["pair"] == name).any()]
    names, curves = results.charted(), results.reliability
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
    data = {"pairs": shown, "legend": legend(names), "when": when, "seeds": len(training_seeds(results))}
    data["only"] = results.only_charted()
    return Section("curves", "Curves", data)
