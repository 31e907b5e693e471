"""Section "Robustness": balanced accuracy and logit shifts on changed pictures, at the threshold of clean ones."""

from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import SOFT, chart, legend, look, name_axis, share_axis
from unseen.report.pairs import of_pairs
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section, not_for_ensembles
from unseen.report.standing import of_first_seed
from unseen.report.tables import NONE, Cell, Head, Table, percent

CLEAN = "clean"

GATES = 3
"""Detectors whose gates have a table in the page; the files of the others are linked."""

IDENTITY = {"jpeg": 100.0, "webp": 100.0, "blur": 0.0, "noise": 0.0}
"""The level at which a change has almost no effect; 1 for those not listed, which are factors."""

UNITS = {
    **{"jpeg": "quality", "webp": "quality", "blur": "sigma, pixels", "noise": "sigma, of 255"},
    **{"resize": "of the side", "crop": "of the side", "brightness": "times", "screenshot": "zoom"},
}


def levels(table: pd.DataFrame, change: str) -> list[float]:
    """Return the levels of a change, mildest first."""
    found = sorted(set(table[table["change"] == change]["level"]))
    return sorted(found, key=lambda level: (abs(level - IDENTITY.get(change, 1.0)), level))


def change_chart(table: pd.DataFrame, change: str, names: list[str]) -> Markup:
    """Chart of balanced accuracy from clean to the strongest level, a line for each detector.

    Args:
        table: of one pair: columns detector, change, level, balanced_accuracy.
        change: name of the change.
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


def _gate_row(row: dict[str, Any] | None) -> list[Cell]:
    if row is None:
        return [NONE, NONE]
    reasons = {name: row[name] for name in ("small_face", "degraded", "profile") if row[name]}
    note = ", ".join(f"{name} {percent(share)}" for name, share in reasons.items())
    rates = f"{percent(row['rate_with_gate'])} ({percent(row['rate'])})"
    return [Cell(percent(row["abstained"]), note, row["abstained"]), Cell(rates, "", row["rate_with_gate"])]


def gate_table(of: pd.DataFrame, name: str) -> Table:
    """Shares that the gate of a detector makes unsure, and rates with and without it.

    Args:
        of: rows of this detector.
        name: of the detector.
    """
    sets = {str(one): str(label) for one, label in zip(of["set"], of["class"], strict=True)}
    changes = [change for change in dict.fromkeys(of["change"]) if change != CLEAN]
    steps = [(CLEAN, 0.0), *((change, level) for change in changes for level in levels(of, change))]
    records: list[dict[str, Any]] = of.to_dict("records")  # type: ignore[assignment]
    found = {(row["set"], row["change"], row["level"]): row for row in records}
    heads = [Head("Change")]
    for one, label in sets.items():
        heads += [Head(f"{one}: unsure"), Head("FPR" if label == "real" else "TPR", "with the gate (without)")]
    body = []
    for change, level in steps:
        cells = [cell for one in sets for cell in _gate_row(found.get((one, change, level)))]
        title = CLEAN if change == CLEAN else f"{change} {level:g}"
        body.append([Cell(title, UNITS.get(change, "")), *cells])
    caption = (
        f"{name}: faces that its gate makes unsure, with the reasons, and rates at the frozen threshold. A face that "
        "is unsure counts as not detected. The limits are from validation faces alone."
    )
    return Table(caption, heads, body, [f"gate/{name}.csv"])


def section(results: Measured) -> Section:
    """Show for each pair a chart for each change, a table of accuracies and a table of logit shifts."""
    title = "Robustness"
    if not isinstance(results, Results):
        return Section("robustness", title, missing=OWN_RUN)
    table = results.robustness
    if table.empty:
        why = "metrics/robustness.csv is missing or empty, or `robustness.changes` in params.yaml is empty."
        return Section("robustness", title, missing=why)
    names, charted, shown = results.names(), results.charted(), []
    there, changed = set(table["pair"]), set(table["detector"])
    for pair in (name for name in of_pairs(next(iter(results.detectors.values()))) if name in there):
        of = table[table["pair"] == pair]
        n = f"n {of['reals'].min()} reals and {of['fakes'].min()} fakes a level"
        accuracy = _table(
            of,
            [name for name in charted if name in changed],
            f"{pair}: balanced accuracy at the threshold frozen on clean faces, {n}. Darker cells are lower; 50 % is "
            "chance.",
            shift=False,
        )
        shifts = _table(
            of,
            [name for name in charted if name in changed],
            f"{pair}: mean shift of the logit from the same face's clean logit, reals / fakes. A positive shift of "
            "reals raises the FPR; a negative shift of fakes lowers the TPR. Logits are before temperature scaling "
            "and are not comparable across detectors.",
            shift=True,
        )
        changes = [change for change in dict.fromkeys(of["change"]) if change != CLEAN]
        charts = [change_chart(of, change, charted) for change in changes]
        shown.append({"name": pair, "charts": charts, "accuracy": accuracy, "shifts": shifts})
    ensembles = not_for_ensembles(results.params.ensembles)
    gates = {str(name): of for name, of in results.gate.groupby("detector", sort=False)}
    data = {
        "pairs": shown,
        "gates": [gate_table(gates[name], name) for name in names[:GATES] if name in gates],
        "other_gates": [name for name in names[GATES:] if name in gates],
        "legend": legend(charted),
        "only": results.only_charted(),
        "ensembles": ensembles,
        "first_seed": of_first_seed(results),
    }
    return Section("robustness", title, data)
