"""Section "Pairs of reals and fakes": all metrics of each pair, matched pairs first, with the AUC of simple cues."""

from typing import Any

from unseen.report.pair_tables import counts, decisions, errors, operating_points, other_trainings, ranking
from unseen.report.results import Measured
from unseen.report.section import Section
from unseen.report.standing import below_a_number
from unseen.report.tables import (
    Cell,
    Head,
    Table,
    heads,
    of_file,
    valued,
)

POOLED = "pooled"
"""Key of the metrics on all reals against all fakes, shown last as one more pair."""


def of_pairs(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the pairs of a detector, matched pairs first, all faces last."""
    ordered = sorted(metrics["pairs"].items(), key=lambda item: not item[1].get("matched", False))
    return dict(ordered) | ({POOLED: metrics[POOLED]} if POOLED in metrics else {})


def _overview(results: Measured) -> Table:
    """Return a table of the AUC of each detector on each pair."""
    names = list(of_pairs(next(iter(results.detectors.values()))))
    rows = [
        [
            Cell(detector, href=of_file(detector, results.folder)),
            *(valued(of_pairs(results.detectors[detector])[name]["auc"]) for name in names),
        ]
        for detector in results.names()
    ]
    columns = [
        Head("all faces" if name == POOLED else name, mark=", ".join(results.marks.get(name, []))) for name in names
    ]
    text = f"AUC of each detector on each pair. Below a number: {below_a_number(results)}."
    return Table(text, [Head("Detector"), *columns], rows)


def _controls(results: Measured) -> Table | None:
    """Return a table of the AUC of each detector on each null control; None if there is none."""
    names = list(next(iter(results.detectors.values())).get("controls", {}))
    if not names:
        return None
    rows = []
    for detector in results.names():
        found = [results.detectors[detector]["controls"][name] for name in names]
        cells = [valued(one["auc"]) for one in found]
        marked = [
            Cell(cell.text, f"{cell.note}\n{'no trace' if one['passed'] else 'a trace'}, n {one['n']}", cell.sort)
            for cell, one in zip(cells, found, strict=True)
        ]
        rows.append([Cell(detector, href=of_file(detector, results.folder)), *marked])
    return Table(
        "Null control: AUC of identity twins against their reals, with 95 % intervals. Identity twins are the real "
        "faces, encoded again without a network, so there is nothing to detect and the AUC is 0.5. If it is not, "
        "preprocessing leaves a trace, and the same trace is in all twins. No other number of this report contains "
        "these faces.",
        [Head("Detector"), *heads(*names)],
        rows,
    )


def section(results: Measured) -> Section:
    """Show one table of all pairs, one of null controls, and five or six folded tables for each pair."""
    first = next(iter(results.detectors.values()))
    shown = []
    for name, pair in of_pairs(first).items():
        found = {detector: of_pairs(results.detectors[detector])[name] for detector in results.charted()}
        shown.append(
            {
                "name": "all faces" if name == POOLED else name,
                "anchor": f"pair-{name}",
                "key": name,
                "reals": pair.get("reals", "all reals"),
                "fakes": pair.get("fakes", "all fakes"),
                "n": (pair["fpr"]["n"], pair["tpr"]["n"]),
                "matched": pair.get("matched"),
                "tables": [
                    ranking(found, results, name),
                    *(of(found, results) for of in (operating_points, decisions, counts, errors)),
                    *other_trainings(found, results),
                ],
            }
        )
    data = {"pairs": shown, "overview": _overview(results), "controls": _controls(results)}
    data["only"] = results.only_charted()
    return Section("pairs", "Pairs of reals and fakes", data)
