"""Section "Pairs of reals and fakes": all metrics of each pair, matched pairs first, with the AUC of simple cues."""

from typing import Any

from unseen.evaluation.wording import over
from unseen.report.results import Measured
from unseen.report.section import Section
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
    share_cell,
    valued,
)

FPRS = {"fpr_0_5": "0.5 %", "fpr_1": "1 %", "fpr_5": "5 %"}
RATES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
ERRORS = ("log_loss", "ece", "mse", "rmse")
CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
POOLED = "pooled"
"""Key of the metrics on all reals against all fakes, shown last as one more pair."""


def of_pairs(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the pairs of a detector, matched pairs first, all faces last."""
    ordered = sorted(metrics["pairs"].items(), key=lambda item: not item[1].get("matched", False))
    return dict(ordered) | ({POOLED: metrics[POOLED]} if POOLED in metrics else {})


def _reals(found: dict[str, Any]) -> dict[str, int]:
    """Return the counts `people` and `without_identity` of the real faces of a pair."""
    people: dict[str, int] = next(iter(found.values()))["people"]["reals"]
    return people


def _baseline(cue: dict[str, Any], width: int) -> list[Cell]:
    name = Cell(f"baseline: {cue['cue'] or 'all cues'}", f"of the {cue['kind']}")
    return [name, number_cell(cue["auc"], cue), *[Cell("")] * (width - 2)]


def _not_measurable(found: dict[str, Any]) -> Cell:
    """Return a cell with the reason, on two lines."""
    return Cell(NONE.text, found["reason"].replace(" with ", "\nwith "))


def _frozen(found: dict[str, Any] | None) -> Cell:
    """Return a cell with the TPR at a frozen threshold, and the measured FPR."""
    if found is None:
        return NONE
    if found["tpr"] is None:
        return _not_measurable(found)
    return Cell(percent(found["tpr"]["share"]), f"FPR {percent(found['fpr']['share'])}", found["tpr"]["share"])


def _ranking(found: dict[str, Any], results: Measured, pair: str) -> Table:
    columns = [Head(f"TPR at FPR {name}", "frozen threshold; measured FPR below") for name in FPRS.values()]
    columns += [Head(f"TPR at FPR {name}", "oracle: threshold from these reals") for name in FPRS.values()]
    rows = []
    for name, of in found.items():
        frozen = [of["at_fpr"][key].get("frozen") for key in FPRS]
        oracle = [of["at_fpr"][key]["oracle"] for key in FPRS]
        rows.append(
            [
                Cell(name, href=of_file(name, results.folder)),
                *(valued(of[key]) for key in ("auc", "average_precision", "eer")),
                *(_frozen(one) for one in frozen),
                *(share_cell(one["tpr"]) if one["tpr"] else _not_measurable(one) for one in oracle),
            ]
        )
    baselines = [_baseline(cue, 4 + len(columns)) for cue in results.baselines.get(pair, [])]
    beside = (
        " Baselines are cross-validated classifiers on one simple cue or on all, over all stored faces of both sets."
        if baselines
        else ""
    )
    return Table(
        f"How well scores rank, with 95 % intervals over {over(**_reals(found))}.{beside}",
        [Head("Detector"), *heads("AUC", "Average precision", "EER"), *columns],
        [*rows, *baselines],
        ["audit.csv"] if baselines else [],
    )


def _decision_row(name: str, href: str, at: str, rates: dict[str, Any], around: dict[str, Any]) -> list[Cell]:
    return [
        Cell(name, href=href),
        Cell(at, kind="words"),
        *(plain_share(rates[key], around.get(key)) for key in RATES),
        *(count_cell(rates["confusion"][key]) for key in CELLS),
    ]


def _decisions(found: dict[str, Any], results: Measured) -> Table:
    rows = []
    for name, of in found.items():
        href, threshold = of_file(name, results.folder), results.detectors[name]["threshold"]
        rows.append(_decision_row(name, href, f"its own, {threshold:.3f}", of, of["intervals"]))
        rows.append(_decision_row(name, href, "0.5", of["at_half"], {}))
    return Table(
        "Decisions at each detector's own threshold, frozen before these faces were read, and at 0.5, which most "
        "papers use. Recall is the TPR.",
        [
            *(Head("Detector"), Head("Threshold", words=True)),
            *heads("Accuracy", "Balanced accuracy", "Precision", "Recall", "F1"),
            *heads("TP", "FP", "FN", "TN"),
        ],
        rows,
    )


def _errors(found: dict[str, Any], results: Measured) -> Table:
    rows = []
    for name, of in found.items():
        before = of.get("before_temperature", {})
        rows.append(
            [
                Cell(name, href=of_file(name, results.folder)),
                *(number_cell(of[key], of["intervals"].get(key)) for key in ERRORS),
                *(number_cell(before.get(key)) for key in ERRORS),
            ]
        )
    names = ("Log loss", "ECE", "MSE (Brier)", "RMSE")
    return Table(
        "Calibration errors of the scores; 0 is best. The temperature was fitted on validation faces of the training "
        "domain; “before temperature” is without it. ECE bins the probability of being fake, not the "
        "confidence of the verdict.",
        [Head("Detector"), *heads(*names), *(Head(name, "before temperature") for name in names)],
        rows,
    )


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
    return Table("AUC of each detector on each pair, with 95 % intervals.", [Head("Detector"), *columns], rows)


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
    """Show one table of all pairs, one of null controls, and three folded tables for each pair."""
    first = next(iter(results.detectors.values()))
    shown = []
    for name, pair in of_pairs(first).items():
        found = {detector: of_pairs(results.detectors[detector])[name] for detector in results.names()}
        shown.append(
            {
                "name": "all faces" if name == POOLED else name,
                "anchor": f"pair-{name}",
                "key": name,
                "reals": pair.get("reals", "all reals"),
                "fakes": pair.get("fakes", "all fakes"),
                "n": (pair["fpr"]["n"], pair["tpr"]["n"]),
                "matched": pair.get("matched"),
                "tables": [_ranking(found, results, name), _decisions(found, results), _errors(found, results)],
            }
        )
    data = {"pairs": shown, "overview": _overview(results), "controls": _controls(results)}
    return Section("pairs", "Pairs of reals and fakes", data)
