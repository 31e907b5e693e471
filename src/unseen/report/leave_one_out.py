"""Section "Leave one generator out": each generator as seen and unseen by one detector, and the whole matrix."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section
from unseen.report.tables import NONE, Cell, Head, Table, heads, number_cell, of_file, plain_share, valued

MEASURES = {"auc": "AUC", "tpr": "TPR at the threshold", "fpr": "FPR at the threshold"}


def _cell(found: Mapping[str, Any], measure: str) -> Cell:
    one = found[measure]
    return valued(one) if measure == "auc" else plain_share(one["value"], one)


def _cue(cue: Mapping[str, Any] | None) -> Cell:
    """Cell of the best simple cue, with its AUC."""
    if cue is None:
        return replace(NONE, text="none above chance")
    cell = number_cell(cue["auc"], {"low": cue["low"], "high": cue["high"]})
    return replace(cell, note=f"{cue['cue']}\n{cell.note}")


def _generators(detector: str, found: Mapping[str, Any]) -> Table:
    rows = [
        [
            Cell(name, f"n {one['fakes']} fakes, {one['reals']} reals"),
            *(_cell(one[which], "auc") for which in ("unseen", "seen", "drop")),
            _cue(one["cue"]),
            *(_cell(one[which], "tpr") for which in ("unseen", "seen")),
            _cell(one["unseen"], "fpr"),
        ]
        for name, one in found["generators"].items()
    ]
    return Table(
        f"{detector}: each generator when the detector has not trained on it (unseen), and the mean of the trainings "
        "without another generator (seen). The drop is seen minus unseen, on the same faces. The best simple cue "
        "needs no detector: an unseen AUC below it says little.",
        heads(
            *("Generator", "AUC, unseen", "AUC, seen", "Drop of the AUC", "Best simple cue, AUC"),
            *("TPR, unseen", "TPR, seen", "FPR, unseen"),
        ),
        rows,
        [of_file(detector, "leave_one_out")],
    )


def _matrix(detector: str, found: Mapping[str, Any], measure: str) -> Table:
    rows = []
    for left_out, row in found["matrix"].items():
        cells = {name: _cell(one, measure) for name, one in row.items()}
        unseen = cells[left_out]
        cells[left_out] = replace(unseen, kind="unseen", note=f"unseen\n{unseen.note}".rstrip())
        rows.append([Cell(f"without {left_out}"), *cells.values()])
    return Table(
        f"{detector}, {MEASURES[measure]}: the generator that was left out of the training (rows) by the generator "
        "of the measured fakes (columns). On the diagonal it is unseen.",
        [Head("Training"), *heads(*found["matrix"])],
        rows,
        [of_file(detector, "leave_one_out", ".csv")],
    )


def section(results: Measured) -> Section:
    """Show for each detector a table of generators, and its matrices; nothing if params leave no generator out."""
    title = "Leave one generator out"
    if not isinstance(results, Results) or not results.left_out:
        return Section("leave_one_out", title, missing=OWN_RUN)
    shown = [
        {
            "name": detector,
            "generators": _generators(detector, found),
            "matrices": [_matrix(detector, found, measure) for measure in MEASURES],
        }
        for detector, found in results.left_out.items()
    ]
    return Section("leave_one_out", title, {"detectors": shown})
