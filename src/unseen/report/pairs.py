"""Every number of every pair, matched pairs first, and beside the detectors what simple cues come to."""

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
VERDICTS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
ERRORS = ("log_loss", "ece", "mse", "rmse")
CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
POOLED = "pooled"
"""All reals of all evaluation sets against all fakes: shown as one more pair, last."""


def of_pairs(metrics: dict[str, Any]) -> dict[str, Any]:
    """The pairs of a detector, those matched first, and all faces together last."""
    ordered = sorted(metrics["pairs"].items(), key=lambda item: not item[1].get("matched", False))
    return dict(ordered) | ({POOLED: metrics[POOLED]} if POOLED in metrics else {})


def _reals(found: dict[str, Any]) -> dict[str, int]:
    """Who the real faces of a pair are."""
    people: dict[str, int] = next(iter(found.values()))["people"]["reals"]
    return people


def _rival(cue: dict[str, Any], width: int) -> list[Cell]:
    name = f"{cue['cue']} alone" if cue["cue"] else "all cues together"
    return [Cell(f"rival: {name}", f"of the {cue['kind']}"), number_cell(cue["auc"], cue), *[Cell("")] * (width - 2)]


def _ranking(found: dict[str, Any], results: Measured, pair: str) -> Table:
    columns = [Head(f"Caught at {name}", "threshold frozen; false positives here") for name in FPRS.values()]
    columns += [Head(f"Caught at {name}", "oracle: threshold from these reals") for name in FPRS.values()]
    rows = []
    for name, of in found.items():
        frozen = [of["at_fpr"][key].get("frozen") for key in FPRS]
        oracle = [of["at_fpr"][key]["oracle"] for key in FPRS]
        rows.append(
            [
                Cell(name, href=of_file(name, results.folder)),
                *(valued(of[key]) for key in ("auc", "average_precision", "eer")),
                *(
                    Cell(percent(one["tpr"]["share"]), f"FPR {percent(one['fpr']['share'])}", one["tpr"]["share"])
                    if one
                    else NONE
                    for one in frozen
                ),
                *(share_cell(one["tpr"]) for one in oracle),
            ]
        )
    rivals = [_rival(cue, 4 + len(columns)) for cue in results.rivals.get(pair, [])]
    beside = (
        " Rivals are cross-validated classifiers on one simple cue, or all of them, of all stored faces of both sets."
        if rivals
        else ""
    )
    return Table(
        f"How well scores rank, with 95 % intervals over {over(**_reals(found))}.{beside}",
        [Head("Detector"), *heads("AUC", "Average precision", "EER"), *columns],
        [*rows, *rivals],
        ["audit.csv"] if rivals else [],
    )


def _verdict_row(name: str, href: str, at: str, rates: dict[str, Any], around: dict[str, Any]) -> list[Cell]:
    return [
        Cell(name, href=href),
        Cell(at, kind="words"),
        *(plain_share(rates[key], around.get(key)) for key in VERDICTS),
        *(count_cell(rates["confusion"][key]) for key in CELLS),
    ]


def _verdicts(found: dict[str, Any], results: Measured) -> Table:
    rows = []
    for name, of in found.items():
        href, threshold = of_file(name, results.folder), results.detectors[name]["threshold"]
        rows.append(_verdict_row(name, href, f"its own, {threshold:.3f}", of, of["intervals"]))
        rows.append(_verdict_row(name, href, "0.5", of["at_half"], {}))
    return Table(
        "Right and wrong verdicts at each detector's own threshold, frozen before these faces were opened, and at "
        "0.5, which papers mostly use. Recall is the share of TPR.",
        [
            *(Head("Detector"), Head("Threshold", words=True)),
            *heads("Accuracy", "Balanced accuracy", "Precision", "Recall", "F1"),
            *heads("TPR", "FPR", "Fakes missed", "Reals not flagged"),
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
        "How far scores are from being probabilities; 0 is best. A temperature from validation faces of the training "
        "domain scales the scores; “before” is without it.",
        [Head("Detector"), *heads(*names), *(Head(name, "before temperature") for name in names)],
        rows,
    )


def _overview(results: Measured) -> Table:
    """The AUC of each detector on each pair."""
    names = list(of_pairs(next(iter(results.detectors.values()))))
    rows = [
        [
            Cell(detector, href=of_file(detector, results.folder)),
            *(valued(of_pairs(results.detectors[detector])[name]["auc"]) for name in names),
        ]
        for detector in results.names()
    ]
    columns = [
        Head("all faces together" if name == POOLED else name, mark=", ".join(results.marks.get(name, [])))
        for name in names
    ]
    return Table("AUC of each detector on each pair, with 95 % intervals.", [Head("Detector"), *columns], rows)


def section(results: Measured) -> Section:
    """One table of all pairs, and three folded ones a pair."""
    first = next(iter(results.detectors.values()))
    shown = []
    for name, pair in of_pairs(first).items():
        found = {detector: of_pairs(results.detectors[detector])[name] for detector in results.names()}
        shown.append(
            {
                "name": "all faces together" if name == POOLED else name,
                "anchor": f"pair-{name}",
                "key": name,
                "reals": pair.get("reals", "all reals"),
                "fakes": pair.get("fakes", "all fakes"),
                "n": (pair["fpr"]["n"], pair["tpr"]["n"]),
                "matched": pair.get("matched"),
                "tables": [_ranking(found, results, name), _verdicts(found, results), _errors(found, results)],
            }
        )
    return Section("pairs", "Pairs of reals and fakes", {"pairs": shown, "overview": _overview(results)})
