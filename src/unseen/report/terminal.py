"""The leaderboard as lines for a terminal."""

from typing import Any

import pandas as pd

from unseen.core.errors import printable
from unseen.evaluation.wording import between, ends
from unseen.report.results import Results, training_seeds
from unseen.report.standing import best

HEADINGS = ("detector", "worst pair", "AUC", "seeds", "95 %", "TPR", "seeds", "FPR", "seeds", "bal. acc.")


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Align cells: two text columns to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _percents(low: float, high: float) -> str:
    return ends(100 * low, 100 * high, "{:.1f}".format) + "%"


def _cells(row: pd.Series) -> tuple[str, ...]:
    around = {"low": row["auc_low"], "high": row["auc_high"]}
    return (
        str(row["detector"]),
        str(row["worst_pair"]) + ("*" if row["marked"] else ""),
        f"{row['auc']:.3f}",
        ends(row["auc_min"], row["auc_max"], "{:.2f}".format),
        between(row["auc"], around, "{:.2f}".format),
        *(f"{row['tpr']:.1%}", _percents(row["tpr_min"], row["tpr_max"])),
        *(f"{row['fpr']:.1%}", _percents(row["fpr_min"], row["fpr_max"])),
        f"{row['balanced_accuracy']:.1%}",
    )


def _tpr(found: dict[str, Any]) -> str:
    seeds = found["seeds"].values()
    return f"{found['share']:.1%}" + (f" ({_percents(min(seeds), max(seeds))})" if len(seeds) > 1 else "")


def table(results: Results) -> str:
    """Return a table of each detector on its worst pair, best first, and a table of the TPR on each pair."""
    seeds = training_seeds(results)
    rows = [HEADINGS, *(_cells(row) for _, row in results.leaderboard.iterrows())]
    if len(seeds) == 1:  # no range over trainings
        kept = [number for number, heading in enumerate(HEADINGS) if heading != "seeds"]
        rows = [tuple(row[number] for number in kept) for row in rows]
    lines = _aligned(rows)
    trained = (
        f"means over {len(seeds)} training seeds; “seeds” is the range" if len(seeds) > 1 else "one training seed"
    )
    pairs = list(results.params.pairs())
    tpr = [("TPR", "", *(pair + ("*" if results.marks[pair] else "") for pair in pairs))]
    for name in results.leaderboard["detector"]:
        found = results.detectors[name]["pairs"]
        tpr.append((name, "", *(_tpr(found[pair]["tpr"]) for pair in pairs)))
    notes = [
        f"* {pair}: the stored files of its classes differ in {', '.join(cues)}; a detector may use that instead"
        for pair, cues in results.marks.items()
        if cues
    ]
    if best(results) is None:
        notes.append(
            "No detector is shown to be better than both chance and the best cue of the audit on every pair."
        )
    notes += [
        f"! {name} is always held out, but trains in this run: {source.train_anyway}"
        for name, source in results.params.sources.items()
        if source.train_anyway
    ]
    return "\n".join(
        printable(line)
        for line in [
            f"Detectors on their worst pair, at their frozen thresholds; {trained}:",
            *lines,
            "",
            *_aligned(tpr),
            *(["", *notes] if notes else []),
        ]
    )
