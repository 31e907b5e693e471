"""The table of `growth.py`."""

import itertools
from typing import Any

STAGES = ("faces", "train_detector", "score", "evaluate", "report", "evaluation_sets", "gate", "audit", "spectra")
"""The stages that read all faces, those of interest first."""


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table: seconds, CPU seconds, CPU time of each further face, peak memory."""
    head = [f"{one['count']:,} faces" for one in results]
    lines = [_row("stage", [f"{name}: s, CPU s, MB" for name in head] + ["CPU ms of a further face"])]
    lines.append("|---" * (len(results) + 2) + "|")
    for name in results[0]["stages"]:
        if not name.startswith(STAGES):
            continue
        found = [(one["stages"][name], one["count"]) for one in results if name in one["stages"]]
        cells = [f"{one['seconds']:.1f}, {one['cpu']:.1f}, {one['peak_mb']:.0f}" for one, _ in found]
        further = [
            f"{1000 * (many['cpu'] - few['cpu']) / (larger - smaller):.2f}"
            for (few, smaller), (many, larger) in itertools.pairwise(found)
        ]
        lines.append(_row(f"`{name}`", [*cells, ", ".join(further)]))
    for key, what in (
        *([("dvc_commit", "`dvc commit` of the faces, s")] if results[0]["dvc_commit"] else []),
        ("dvc_seconds", "DVC's share, s"),
        ("dvc_cpu", "of it CPU, s"),
        ("no_op", "`dvc repro` again, s"),
        ("status", "`dvc status`, s, and of the first in turns"),
        ("report_mb", "report.html, MB"),
        ("data_mb", "data.html, MB"),
    ):
        shown = [one[key] if isinstance(one[key], list) else [one[key]] for one in results]
        lines.append(_row(what, [*(", ".join(f"{value:.2f}" for value in one) for one in shown), ""]))
    return "\n".join(lines)
