"""Changed pictures: how far a detector falls at its clean threshold, and which class's scores move."""

from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import SOFT, chart, legend, look, name_axis, share_axis
from unseen.report.pairs import of_pairs
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section, not_for_ensembles
from unseen.report.tables import NONE, Cell, Head, Table, percent

CLEAN = "clean"
UNTOUCHED = {"jpeg": 100.0, "webp": 100.0, "blur": 0.0, "noise": 0.0}
"""The level of a change at which it changes next to nothing; 1 of those that are factors."""

UNITS = {
    **{"jpeg": "quality", "webp": "quality", "blur": "sigma, pixels", "noise": "sigma, of 255"},
    **{"resize": "of the side", "crop": "of the side", "brightness": "times", "screenshot": "zoom"},
}


def levels(table: pd.DataFrame, change: str) -> list[float]:
    """The levels of a change, mildest first."""
    found = sorted(set(table[table["change"] == change]["level"]))
    return sorted(found, key=lambda level: (abs(level - UNTOUCHED.get(change, 1.0)), level))


def change_chart(table: pd.DataFrame, change: str, names: list[str]) -> Markup:
    """Balanced accuracy from clean to the strongest level, a line a detector.

    Args:
        table: of one pair: columns detector, change, level, balanced_accuracy.
        change: which.
        names: the detectors, in the order of their colours.
    """
    steps = [(CLEAN, 0.0), *((change, level) for level in levels(table, change))]
    texts = [CLEAN, *(f"{level:g}" for _, level in steps[1:])]
    values = table.set_index(["detector", "change", "level"])["balanced_accuracy"]

    def draw(axes: Axes) -> None:
        axes.set(xlabel=f"{change}, {UNITS.get(change, 'level')}", ylabel="balanced accuracy")
        name_axis(axes.xaxis, texts)
        share_axis(axes.yaxis)
        axes.axhline(0.5, color=SOFT, linewidth=1)
        for number, name in enumerate(names):
            places = [place for place, step in enumerate(steps) if (name, *step) in values.index]
            axes.plot(places, [values[name, *steps[place]] for place in places], **look(number))

    return chart(change, draw, 250, 210)


def _row(rows: dict[str, dict[str, Any]], names: list[str], shift: bool) -> list[Cell]:
    cells = []
    for name in names:
        one = rows.get(name)
        if one is None:
            cells.append(NONE)
        elif shift:
            text = f"{one['shift_reals']:+.2f} / {one['shift_fakes']:+.2f}"
            cells.append(Cell(text, sort=one["shift_reals"]))
        else:
            value = one["balanced_accuracy"]
            note = f"TPR {percent(one['tpr'])}, FPR {percent(one['fpr'])}"
            cells.append(Cell(percent(value), note, value, heat=min(1.0, 2 * (1 - value))))
    return cells


def _table(of: pd.DataFrame, names: list[str], caption: str, shift: bool) -> Table:
    changes = [change for change in dict.fromkeys(of["change"]) if change != CLEAN]
    steps = [(CLEAN, 0.0), *((change, level) for change in changes for level in levels(of, change))]
    body = []
    for change, level in steps if not shift else steps[1:]:
        rows = of[(of["change"] == change) & (of["level"] == level)]
        found = {str(row["detector"]): row for row in rows.to_dict("records")}
        title = CLEAN if change == CLEAN else f"{change} {level:g}"
        body.append([Cell(title, UNITS.get(change, "")), *_row(found, names, shift)])
    return Table(caption, [Head("Change"), *(Head(name) for name in names)], body, ["robustness.csv"])


def section(results: Measured) -> Section:
    """For each pair a small chart a change, a table of accuracies and one of shifts."""
    title = "Robustness"
    if not isinstance(results, Results):
        return Section("robustness", title, missing=OWN_RUN)
    table = results.robustness
    if table.empty:
        why = (
            "metrics/robustness.csv holds nothing: it was not made, or `robustness.changes` in params.yaml is empty."
        )
        return Section("robustness", title, missing=why)
    names, shown = results.names(), []
    there, changed = set(table["pair"]), set(table["detector"])
    for pair in (name for name in of_pairs(next(iter(results.detectors.values()))) if name in there):
        of = table[table["pair"] == pair]
        n = f"n {of['reals'].min()} reals and {of['fakes'].min()} fakes a level"
        accuracy = _table(
            of,
            [name for name in names if name in changed],
            f"{pair}: balanced accuracy at the threshold that was frozen on clean faces, {n}; the further it has "
            "fallen, the darker the cell. 50 % is what a coin does.",
            shift=False,
        )
        shifts = _table(
            of,
            [name for name in names if name in changed],
            f"{pair}: mean shift of the logit against the same face's clean one, reals / fakes. Reals that move up "
            "give a higher FPR; fakes that move down give a lower TPR. Logits are before the temperature, and "
            "those of two detectors share no scale.",
            shift=True,
        )
        changes = [change for change in dict.fromkeys(of["change"]) if change != CLEAN]
        charts = [change_chart(of, change, names) for change in changes]
        shown.append({"name": pair, "charts": charts, "accuracy": accuracy, "shifts": shifts})
    data = {"pairs": shown, "legend": legend(names), "ensembles": not_for_ensembles(results.params.ensembles)}
    return Section("robustness", title, data)
