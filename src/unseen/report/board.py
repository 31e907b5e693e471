"""The leaderboard: each detector where it does worst."""

from collections.abc import Hashable
from typing import Any

from unseen.report.results import Measured, Results, worst_generator
from unseen.report.runtime import speed_of
from unseen.report.section import Section
from unseen.report.tables import NONE, Cell, Head, Table, count, heads, number, of_file, percent, plain_share, speed


def _speed(results: Measured, name: str) -> Cell:
    used = speed_of(results, name)
    return Cell(speed(used["images_per_second"]), sort=used["images_per_second"]) if used else NONE


def _start(results: Measured, name: str) -> Cell:
    if not isinstance(results, Results):
        return NONE
    weights = results.cards[name].get("settings", {}).get("weights", "")
    return Cell("untrained" if weights == "none" else weights, kind="words") if weights else NONE


def _row(results: Measured, row: dict[Hashable, Any]) -> list[Cell]:
    name, pair = str(row["detector"]), str(row["worst_pair"])
    metrics = results.detectors[name]
    found = metrics["pairs"][pair]
    generator = worst_generator(results, name)
    worst = Cell(percent(metrics["generators"][generator]["caught"]["share"]), generator) if generator else NONE
    return [
        Cell(name, href=of_file(name, results.folder)),
        Cell(pair, kind="words", mark=", ".join(results.marks.get(pair, []))),
        plain_share(row["balanced_accuracy"], found["intervals"]["balanced_accuracy"]),
        number(row["auc"], {"low": row["auc_low"], "high": row["auc_high"]}),
        Cell(percent(row["caught"]), f"n {found['caught']['n']}", row["caught"]),
        Cell(percent(row["flagged"]), f"n {found['flagged']['n']}", row["flagged"]),
        worst,
        number(row["threshold"]),
        _speed(results, name),
        count(row["parameters"]),
        _start(results, name),
    ]


def section(results: Measured) -> Section:
    """A row for each detector, best first."""
    table = Table(
        "Each detector on the pair it does worst on, best detector first, at its threshold, which was chosen before "
        "these faces were opened. Below a number: its 95 % interval over people, or how many faces it is of.",
        [
            Head("Detector"),
            Head("Worst pair", words=True),
            *heads(
                "Balanced accuracy", "AUC", "Fakes caught", "Reals flagged", "Worst generator, caught", "Threshold"
            ),
            *heads("Pictures a second", "Parameters"),
            Head("Starts from", words=True),
        ],
        [_row(results, row) for row in results.leaderboard.to_dict("records")],
        ["leaderboard.csv"] if isinstance(results, Results) else [],
    )
    return Section("leaderboard", "Leaderboard", {"table": table})
