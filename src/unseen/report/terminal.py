"""The leaderboard as lines for a terminal."""

import pandas as pd

from unseen.core.errors import printable
from unseen.evaluation.wording import between
from unseen.report.results import Results
from unseen.report.standing import best

HEADINGS = ("detector", "worst pair", "AUC (95 %)", "TPR", "FPR", "bal. acc.", "parameters")


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


def _cells(row: pd.Series) -> tuple[str, ...]:
    around = {"low": row["auc_low"], "high": row["auc_high"]}
    return (
        str(row["detector"]),
        str(row["worst_pair"]) + ("*" if row["marked"] else ""),
        f"{row['auc']:.3f} ({between(row['auc'], around, '{:.3f}'.format)})",
        f"{row['tpr']:.1%}",
        f"{row['fpr']:.1%}",
        f"{row['balanced_accuracy']:.1%}",
        f"{row['parameters']:,}",
    )


def table(results: Results) -> str:
    """Return a table of each detector on its worst pair, best first, and a table of the TPR on each pair."""
    lines = _aligned([HEADINGS, *(_cells(row) for _, row in results.leaderboard.iterrows())])
    pairs = list(results.params.pairs())
    tpr = [("TPR", "", *(pair + ("*" if results.marks[pair] else "") for pair in pairs))]
    for name in results.leaderboard["detector"]:
        found = results.detectors[name]["pairs"]
        tpr.append((name, "", *(f"{found[pair]['tpr']['share']:.1%}" for pair in pairs)))
    notes = [
        f"* {pair}: the stored files of its classes differ in {', '.join(cues)}; a detector may use that instead"
        for pair, cues in results.marks.items()
        if cues
    ]
    if best(results) is None:
        notes.append("No detector is shown to be better than chance and the best cue of the audit on every pair.")
    notes += [
        f"! {name} is always held out, but trains in this run: {source.train_anyway}"
        for name, source in results.params.sources.items()
        if source.train_anyway
    ]
    return "\n".join(
        printable(line)
        for line in [
            "Detectors on their worst pair, at their frozen thresholds:",
            *lines,
            "",
            *_aligned(tpr),
            *(["", *notes] if notes else []),
        ]
    )
