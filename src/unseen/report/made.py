"""Section "How it was made": stages with their costs, versions, training curves, GANs and params."""

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.report.charts import DASHES, chart, color, line_legend, number_axis, width
from unseen.report.pictures import small_uri
from unseen.report.results import Measured, Results, training_seeds
from unseen.report.section import OWN_RUN, Section
from unseen.report.tables import NONE, Cell, Head, Table, duration, heads, text_cell

ITSELF = "report"
"""The stage that makes this page. Its costs are left out: their file is still that of the previous run."""


def training_chart(rows: pd.DataFrame, detector: str, series: int) -> Markup:
    """Chart of the loss on training and validation faces over steps, one line of each per training seed.

    Args:
        rows: of one detector, not empty: columns seed, step, train_loss, val_loss.
        detector: name of the detector.
        series: number of the detector, which sets its colour.
    """
    most = float(rows[["train_loss", "val_loss"]].max().max())

    def draw(axes: Axes) -> None:
        axes.set(xlabel="step", ylabel="loss")
        number_axis(axes.xaxis, 0, float(rows["step"].max()))
        number_axis(axes.yaxis, 0, most)
        seeds = rows.groupby("seed")
        for (_, own), (line, column) in itertools.product(
            seeds, zip(DASHES, ("train_loss", "val_loss"), strict=False)
        ):
            known = own[own[column].notna()]
            style = {**width(seeds.ngroups), "color": color(series), "linestyle": line}
            axes.plot(known["step"], known[column], **style)

    return chart(detector, draw, 260, 210)


def _cost_row(cost: dict[str, Any]) -> list[Cell]:
    changed = " with changes" if cost["changed"] else ""
    return [
        Cell(cost["name"]),
        Cell(duration(cost["seconds"]), sort=cost["seconds"]),
        Cell(duration(cost["cpu_seconds"]), sort=cost["cpu_seconds"]),
        Cell(f"{cost['peak_memory_mb']:,.0f}", sort=cost["peak_memory_mb"]),
        Cell(cost["device"], kind="words"),
        Cell(cost["commit"][:10] + changed, kind="words"),
        Cell(cost["machine"], kind="words"),
    ]


def _costs(costs: list[dict[str, Any]]) -> Table:
    """Return a table of the costs of each stage, longest first, with the total."""
    ordered = sorted(costs, key=lambda cost: (-cost["seconds"], cost["name"]))
    seconds, cpu = (sum(cost[key] for cost in costs) for key in ("seconds", "cpu_seconds"))
    most = max(cost["peak_memory_mb"] for cost in costs)
    total = [
        Cell("all", f"{len(costs)} stages"),
        Cell(duration(seconds), sort=seconds),
        Cell(duration(cpu), sort=cpu),
    ]
    total += [Cell(f"{most:,.0f}", "maximum", most), *(Cell("", kind="words") for _ in range(3))]
    return Table(
        "Time and memory of each stage when it last ran. Unchanged stages did not run again. Stages may have run in "
        "parallel.",
        [
            *(Head("Stage"), *heads("Time", "CPU time", "Memory, MB")),
            *(Head(text, words=True) for text in ("Device", "Commit", "Machine")),
        ],
        [_cost_row(cost) for cost in ordered],
        ["costs/"],
        [total],
    )


def _start(card: dict[str, Any]) -> Cell:
    weights = card.get("settings", {}).get("weights", "")
    return text_cell("untrained" if weights == "none" else weights) if weights else NONE


def _detectors(results: Results) -> Table:
    """Return a table of the kind, training seeds, initial weights and package versions of each detector."""
    rows = []
    for name in results.names():
        card = results.cards[name]
        versions = ", ".join(f"{package} {version}" for package, version in sorted(card.get("versions", {}).items()))
        what = "ensemble" if name in results.params.ensembles else "detector"
        rows.append(
            [
                Cell(name, href=f"../models/{what}s/{name}/{what}.json"),
                Cell(card.get("kind", ""), kind="words"),
                text_cell(", ".join(map(str, results.detectors[name]["seeds"]))),
                _start(card),
                Cell(versions, kind="words"),
            ]
        )
    return Table(
        "Detectors: kind, training seeds, initial weights and package versions of the training.",
        [
            Head("Detector"),
            *(Head(text, words=True) for text in ("Kind", "Training seeds", "Initial weights", "Versions")),
        ],
        rows,
    )


def section(results: Measured, metrics: Path | None) -> Section:
    """Show versions, commits, costs, training curves, GANs and params.

    Args:
        results: of a run, or of external predictions.
        metrics: folder with the pictures of GANs and autoencoders; None for external predictions.
    """
    title = "How it was made"
    if not isinstance(results, Results) or metrics is None:
        return Section("made", title, missing=OWN_RUN)
    costs = [cost for cost in results.costs if cost["stage"] != ITSELF]
    steps = {name: results.training[results.training["detector"] == name] for name in results.charted()}
    gans = {
        name: (
            found["seeds"],
            {file: small_uri(metrics / "gans" / name / f"{file}.png") for file in ("samples", "neighbours")},
        )
        for name, found in results.gans.items()
    }
    return Section(
        "made",
        title,
        {
            "seed": results.params.seed,
            "training_seeds": training_seeds(results),
            "commits": sorted({cost["commit"] + (" with changes" if cost["changed"] else "") for cost in costs}),
            "machines": sorted({cost["machine"] for cost in costs}),
            "costs": _costs(costs) if costs else None,
            "detectors": _detectors(results),
            "charts": [
                training_chart(rows, name, results.names().index(name))
                for name, rows in steps.items()
                if rows["step"].notna().any()
            ],
            "legend": line_legend(["training faces", "validation faces"]),
            "only": results.only_charted(),
            "gans": gans,
            "twins": {
                name: small_uri(metrics / "autoencoders" / name / "twins.png") for name in results.params.autoencoders
            },
            "dump": yaml.safe_dump(results.params.model_dump(), sort_keys=False),
        },
    )
