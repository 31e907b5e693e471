"""The leaderboard: each detector on its worst pair."""

from collections.abc import Hashable
from typing import Any

from unseen.report.results import Measured, Results, calibrated_only, worst_generator
from unseen.report.section import Section
from unseen.report.speed import speed_of
from unseen.report.standing import below_a_number
from unseen.report.tables import (
    NONE,
    Cell,
    Head,
    Table,
    count_cell,
    heads,
    of_file,
    plain_share,
    share_cell,
    speed,
    valued,
)

READY = "ready checkpoint, calibrated only"


def _speed(results: Measured, name: str) -> Cell:
    used = speed_of(results, name)
    return Cell(speed(used["images_per_second"]), f"n {used['n']}", used["images_per_second"]) if used else NONE


def _worst(tpr: dict[str, Any], generator: str) -> Cell:
    """Cell of the worst generator. Its name may be long and wrap; the numbers may not."""
    found = share_cell(tpr)
    numbers = found.note.replace(" ", "\N{NO-BREAK SPACE}")
    return Cell(found.text, f"{numbers}\n{generator}", found.sort, "words")


def _row(results: Measured, row: dict[Hashable, Any]) -> list[Cell]:
    name, pair = str(row["detector"]), str(row["worst_pair"])
    metrics = results.detectors[name]
    found = metrics["pairs"][pair]
    generator = worst_generator(results, name)
    return [
        Cell(name, READY if calibrated_only(results, name) else "", href=of_file(name, results.folder)),
        Cell(pair, kind="words", mark=", ".join(results.marks.get(pair, []))),
        plain_share(row["balanced_accuracy"], found["intervals"]["balanced_accuracy"]),
        valued(found["auc"]),
        share_cell(found["tpr"], n=True),
        share_cell(found["fpr"], n=True),
        _worst(metrics["generators"][generator]["tpr"], generator) if generator else NONE,
        *([_speed(results, name), count_cell(row["parameters"])] if isinstance(results, Results) else []),
    ]


def section(results: Measured) -> Section:
    """Show a row for each detector, highest balanced accuracy first."""
    frozen = "threshold, which was frozen before these faces were read"
    threshold = frozen if isinstance(results, Results) else "threshold"
    table = Table(
        f"Each detector on its worst pair by balanced accuracy, highest first, at its {threshold}. Below a number: "
        f"{below_a_number(results)}; n is the number of faces, or of timed batches.",
        [
            Head("Detector"),
            Head("Worst pair", words=True),
            *heads("Balanced accuracy", "AUC", "TPR", "FPR"),
            Head("Worst generator, TPR", words=True),
            *(heads("Pictures a second", "Parameters") if isinstance(results, Results) else []),
        ],
        [_row(results, row) for row in results.leaderboard.to_dict("records")],
        ["leaderboard.csv"] if isinstance(results, Results) else [],
    )
    return Section("leaderboard", "Leaderboard", {"table": table})
