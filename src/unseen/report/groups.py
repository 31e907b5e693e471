"""Section "Groups of people": FPR and TPR by attribute."""

from typing import Any

from unseen.data.face_rows import ZERO_SHOT
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section
from unseen.report.standing import below_a_number
from unseen.report.tables import NONE, Cell, Head, Table, around_n, count_cell, percent, plain_share

RATES = {"fpr": "FPR", "tpr": "TPR"}


def _cell(group: dict[str, Any], rate: str) -> Cell:
    found = group[rate]
    if found is None:
        return NONE
    few = "; few" if rate in group["small"] else ""
    return Cell(percent(found["share"]), f"{around_n(found)}{few}", found["share"])


def _gap(of: dict[str, Any], rate: str) -> Cell:
    """Cell of the gap between groups, with its range over training seeds."""
    gap = of["gaps"][rate]
    if gap is None:
        return NONE
    return plain_share(gap, {"seeds": {seed: gaps[rate] for seed, gaps in of["gaps_by_seed"].items()}})


def _table(pair: str, attribute: str, of: dict[str, dict[str, Any]], below: str) -> Table:
    """Return a table with a row for each group, two columns for each detector, and the gaps in the last row."""
    first = next(iter(of.values()))
    rows = []
    for group, counts in first["groups"].items():
        cells = [_cell(one["groups"][group], rate) for one in of.values() for rate in RATES]
        rows.append([Cell(group), count_cell(counts["reals"]), count_cell(counts["fakes"]), *cells])
    shown = [_gap(one, rate) for one in of.values() for rate in RATES]
    gap = [Cell("gap", "largest minus smallest"), Cell(""), Cell(""), *shown]
    columns = [Head(text, name) for name in of for text in RATES.values()]
    return Table(
        f"{pair}, by {attribute}: FPR and TPR at the threshold. Below a number: {below}. A group with fewer than 30 "
        f"faces of a class is marked “few” and left out of the gap; {first['without']} faces lack the attribute.",
        [Head(attribute), Head("Reals"), Head("Fakes"), *columns],
        rows,
        foot=[gap],
    )


def section(results: Measured) -> Section:
    """Show a table for each pair and attribute with groups."""
    title = "Groups of people"
    if not isinstance(results, Results):
        return Section("groups", title, missing=OWN_RUN)
    found = {name: results.detectors[name].get("groups", {}) for name in results.names()}
    first, below = next(iter(found.values())), below_a_number(results)
    tables = [
        _table(pair, attribute, {name: of[pair][attribute] for name, of in found.items() if pair in of}, below)
        for pair, attributes in first.items()
        for attribute in attributes
    ]
    without = next(iter(results.detectors.values())).get("groups_without", [])
    if not tables:
        why = "`evaluation.groups` in params.yaml names no attribute of the measured faces."
        return Section("groups", title, missing=why)
    guessed = sorted({name for attributes in first.values() for name in attributes if name.startswith(ZERO_SHOT)})
    return Section("groups", title, {"tables": tables, "without": without, "guessed": guessed})
