"""The leaderboard: each detector where it does worst."""

from collections.abc import Hashable
from typing import Any

from unseen.report.results import Measured, Results, worst_generator
from unseen.report.section import Section
from unseen.report.speed import speed_of
from unseen.report.standing import drawn
from unseen.report.tables import (
    NONE,
    Cell,
    Head,
    Table,
    count_cell,
    heads,
    number_cell,
    of_file,
    percent,
    plain_share,
    speed,
)


def _speed(results: Measured, name: str) -> Cell:
    used = speed_of(results, name)
    return Cell(speed(used["images_per_second"]), f"n {used['n']}", used["images_per_second"]) if used else NONE


def _row(results: Measured, row: dict[Hashable, Any]) -> list[Cell]:
    name, pair = str(row["detector"]), str(row["worst_pair"])
    metrics = results.detectors[name]
    found = metrics["pairs"][pair]
    generator = worst_generator(results, name)
    worst = Cell(percent(metrics["generators"][generator]["tpr"]["share"]), generator) if generator else NONE
    return [
        Cell(name, href=of_file(name, results.folder)),
        Cell(pair, kind="words", mark=", ".join(results.marks.get(pair, []))),
        plain_share(row["balanced_accuracy"], found["intervals"]["balanced_accuracy"]),
        number_cell(row["auc"], {"low": row["auc_low"], "high": row["auc_high"]}),
        Cell(percent(row["tpr"]), f"n {found['tpr']['n']}", row["tpr"]),
        Cell(percent(row["fpr"]), f"n {found['fpr']['n']}", row["fpr"]),
        worst,
        *([_speed(results, name), count_cell(row["parameters"])] if isinstance(results, Results) else []),
    ]


def section(results: Measured) -> Section:
    """A row for each detector, the highest balanced accuracy first."""
    frozen = "threshold, which was chosen before these faces were opened"
    threshold = frozen if isinstance(results, Results) else "threshold"
    table = Table(
        f"Each detector on the pair it does worst on by balanced accuracy, the highest first, at its {threshold}. "
        f"Below a number: its 95 % interval over {drawn(results)}; how many faces it is of; or, of a speed, how "
        "many batches were timed.",
        [
            Head("Detector"),
            Head("Worst pair", words=True),
            *heads("Balanced accuracy", "AUC", "TPR", "FPR", "Worst generator, TPR"),
            *(heads("Pictures a second", "Parameters") if isinstance(results, Results) else []),
        ],
        [_row(results, row) for row in results.leaderboard.to_dict("records")],
        ["leaderboard.csv"] if isinstance(results, Results) else [],
    )
    return Section("leaderboard", "Leaderboard", {"table": table})
