"""Section "Data and audit": sample faces of each set, and cues other than fakery that separate the classes."""

from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.audit.cues import CAUSES
from unseen.evaluation.wording import between
from unseen.report.charts import BAR, SOFT, chart
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section
from unseen.report.tables import Cell, Head, Table, number_cell

KINDS = ("file", "picture", "original")
ROW = 15
"""Height of a bar and its gap, in pixels."""


def cue_chart(kind: str, cues: dict[str, dict[str, float]]) -> Markup:
    """Chart of the AUC of each cue of one kind, with its interval, highest first.

    Args:
        kind: file, picture or original.
        cues: `auc`, `low` and `high` of each cue.
    """
    ordered = sorted(cues.items(), key=lambda item: (item[1]["auc"], item[0]))
    lowest = 0.3
    aucs, lows, highs = ([max(of[key], lowest) for _, of in ordered] for key in ("auc", "low", "high"))
    places = range(len(ordered))

    def draw(axes: Axes) -> None:
        axes.set(xlabel="AUC, 0.5 is chance", xlim=(lowest, 1), ylim=(-0.6, len(ordered) - 0.4))
        axes.set_xticks([lowest, 0.5, 0.7, 0.9, 1.0])
        axes.set_yticks(places, [name for name, _ in ordered])
        axes.barh(places, [auc - 0.5 for auc in aucs], 0.64, 0.5, color=BAR, alpha=0.75)
        axes.hlines(places, lows, highs, color=SOFT, linewidth=1)
        axes.axvline(0.5, color=SOFT, linewidth=1)

    return chart(f"of the {kind}", draw, 340, 70 + ROW * len(ordered), left=150)


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
    """Show sample faces of each set, and a table and charts for each audited pair.

    Args:
        results: of a run, or of external predictions.
        sets: from `data.described`.
    """
    title = "Data and audit"
    if not isinstance(results, Results):
        return Section("data", title, missing=OWN_RUN)
    pairs = []
    for name, found in results.audit["pairs"].items():
        table = Table(
            f"{name}: cross-validated AUC of simple classifiers on cues, with 95 % intervals.",
            [
                *(Head("Cues of the"), Head("All cues"), Head("Best cue", words=True), Head("Its AUC")),
                Head("Likely cause", words=True),
            ],
            [_row(kind, found[kind], bool(found["separated_by"])) for kind in KINDS],
            ["audit.csv"],
        )
        charts = [cue_chart(kind, found[kind]["cues"]) for kind in KINDS]
        pairs.append({"name": name, "found": found, "table": table, "charts": charts})
    return Section("data", title, {"sets": sets, "pairs": pairs})
