"""Section "Speed": speed, memory and energy of detectors, and the Pareto front of speed and accuracy."""

from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import PAPER, SOFT, annotate, chart, legend, log_axis, look, share_axis
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section, not_for_ensembles
from unseen.report.standing import of_first_seed
from unseen.report.tables import NONE, Cell, Head, Table, count_cell, heads, number_cell, of_file, speed

PARETO = ["detector", "images_per_second", "balanced_accuracy", "auc", "on_front"]
AS_USED = {"device": "cpu", "what": "bytes_to_verdict", "batch": 32}
"""The measurement by which detectors are compared: from picture bytes to verdict, with the face detector."""

MEASURES = {"model": "the model alone", "bytes_to_verdict": "bytes to verdict"}


def measured_as_used(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the measurement AS_USED; None if it is missing."""
    return next((one for one in found["measured"] if all(one[key] == AS_USED[key] for key in AS_USED)), None)


def speed_of(results: Measured, detector: str) -> dict[str, Any] | None:
    """Return the measurement AS_USED of a detector, with its `machine`; None if it was not measured."""
    if not isinstance(results, Results) or detector not in results.speed:
        return None
    found = results.speed[detector]
    used = measured_as_used(found)
    return used and {**used, "machine": found["machine"]}


def pareto(results: Results) -> pd.DataFrame:
    """Return a table with columns PARETO, fastest first. Balanced accuracy and AUC are of the worst pair.

    `on_front` is 1 if no other detector is at least as fast and as accurate, and better in one of the two.
    """
    rows = []
    for row in results.leaderboard.to_dict("records"):
        used = speed_of(results, str(row["detector"]))
        if used:
            rows.append(
                {**{key: row[key] for key in PARETO if key in row}, "images_per_second": used["images_per_second"]}
            )
    found = pd.DataFrame(rows, columns=PARETO)
    both = found[["images_per_second", "balanced_accuracy"]].astype(float)
    dominated = [((both >= one).all(axis=1) & (both > one).any(axis=1)).any() for _, one in both.iterrows()]
    found["on_front"] = [int(not one) for one in dominated]
    return found.sort_values(["images_per_second", "detector"], ascending=[False, True], ignore_index=True)


def machine(found: dict[str, Any]) -> str:
    """Describe a machine in one line."""
    parts = [
        found["cpu"],
        f"{found['cores']} cores, {found['threads']} thread{'s' if found['threads'] != 1 else ''} in use",
        found["gpu"] or "no GPU",
    ]
    return "; ".join([*parts, f"Python {found['python']}, torch {found['torch']}, {found['system']}"])


def pareto_chart(front: pd.DataFrame, names: list[str]) -> Markup:
    """Chart of balanced accuracy against speed, a point for each detector; a thin line joins the Pareto front.

    Args:
        front: from `pareto`.
        names: the detectors with colours and names, in the order of their colours; the others are grey.
    """
    low = min(0.5, float(front["balanced_accuracy"].min()))
    on = front[front["on_front"] == 1]

    def draw(axes: Axes) -> None:
        axes.set(xlabel="pictures per second (log)", ylabel="balanced accuracy, worst pair")
        log_axis(axes.xaxis, front["images_per_second"].tolist())
        share_axis(axes.yaxis, low)
        axes.plot(on["images_per_second"], on["balanced_accuracy"], color=SOFT, linewidth=1)
        for row in front.to_dict("records"):
            values = row["images_per_second"], row["balanced_accuracy"]
            shown = row["detector"] in names
            mark = look(names.index(row["detector"])) if shown else {"color": SOFT, "marker": ".", "markersize": 3}
            mark |= {"linestyle": ""}
            axes.plot(*values, **(mark if row["on_front"] else {**mark, "markerfacecolor": PAPER}))
            if shown:
                annotate(axes, *values, str(row["detector"]))

    return chart("Accuracy against speed", draw, 400, 320)  # on a phone its text must not shrink below 9 px


def _rows(name: str, found: dict[str, Any], folder: str) -> list[list[Cell]]:
    flops = found["flops"]
    return [
        [
            Cell(name, href=of_file(name, folder)),
            Cell(one["device"], kind="words"),
            Cell(MEASURES.get(one["what"], one["what"]), kind="words"),
            count_cell(one["batch"]),
            Cell(speed(one["images_per_second"]), sort=one["images_per_second"]),
            number_cell(one["ms_p50"], digits=1),
            number_cell(one["ms_p95"], digits=1),
            count_cell(one["n"]),
            Cell(f"{one['peak_memory_mb']:,.0f}", sort=one["peak_memory_mb"]),
            NONE if one["energy_j"] is None else number_cell(one["energy_j"], digits=2),
            count_cell(found["parameters"]),
            NONE if flops is None else Cell(f"{flops / 1e9:.3g}", f"at {found['side']} px", flops),
        ]
        for one in found["measured"]
    ]


def section(results: Measured) -> Section:
    """Show speed, memory and energy of each detector, and the machine."""
    if not isinstance(results, Results):
        return Section("speed", "Speed", missing=OWN_RUN)
    timed = {name: results.speed[name] for name in results.names() if name in results.speed}
    if not timed:
        return Section("speed", "Speed", missing="No detector of this run was timed: metrics/speed has no files.")
    front = pareto(results)
    table = Table(
        "Times are per batch. “Bytes to verdict” decodes the picture, detects the face and scores it, as "
        "`unseen predict` does.",
        [
            *(Head("Detector"), Head("Device", words=True), Head("What", words=True)),
            *heads("Batch", "Pictures a second", "ms, median", "ms, 95 %", "n", "Memory, MB", "Energy, J"),
            *heads("Parameters", "GFLOPs"),
        ],
        [row for name, found in timed.items() for row in _rows(name, found, "speed")],
        ["pareto.csv"],
    )
    machines = {machine(found["machine"]) for found in timed.values()}
    return Section(
        "speed",
        "Speed",
        {
            "table": table,
            "machines": sorted(machines),
            "chart": pareto_chart(front, results.charted()) if len(front) else "",
            "legend": legend(results.charted()),
            "grey": len(results.names()) > len(results.charted()),
            "front": front[front["on_front"] == 1]["detector"].tolist(),
            "left_out": [name for name in results.names() if name not in {*timed, *results.params.ensembles}],
            "first_seed": of_first_seed(results),
            "ensembles": not_for_ensembles(results.params.ensembles),
        },
    )
