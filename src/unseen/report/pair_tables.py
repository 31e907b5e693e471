"""Tables of one pair of reals and fakes: a row for each detector."""

from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any

from unseen.evaluation.wording import over
from unseen.report.results import Measured
from unseen.report.standing import and_seeds, below_a_number
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
    text_cell,
    valued,
)

FPRS = {"fpr_0_5": "0.5 %", "fpr_1": "1 %", "fpr_5": "5 %"}
RATES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
ERRORS = ("log_loss", "ece", "mse", "rmse")
CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")


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


def _at_fpr(found: dict[str, Any] | None, frozen: bool) -> Cell:
    """Return a cell with the TPR at an FPR; at a frozen threshold also with the FPR that was measured."""
    if found is None:
        return NONE
    if found["tpr"] is None:
        return _not_measurable(found)
    cell = share_cell(found["tpr"])
    return replace(cell, note=f"{cell.note}\nFPR {percent(found['fpr']['share'])}") if frozen else cell


def ranking(found: dict[str, Any], results: Measured, pair: str) -> Table:
    rows = [
        [
            Cell(name, href=of_file(name, results.folder)),
            *(valued(of[key]) for key in ("auc", "average_precision", "eer")),
        ]
        for name, of in found.items()
    ]
    baselines = [_baseline(cue, 4) for cue in results.baselines.get(pair, [])]
    beside = (
        " Baselines are cross-validated classifiers on one simple cue or on all, over all stored faces of both sets."
        if baselines
        else ""
    )
    return Table(
        f"How well scores rank, with 95 % intervals over {over(**_reals(found))}{and_seeds(results)}.{beside}",
        [Head("Detector"), *heads("AUC", "Average precision", "EER")],
        [*rows, *baselines],
        ["audit.csv"] if baselines else [],
    )


def operating_points(found: dict[str, Any], results: Measured) -> Table:
    columns = [Head(f"TPR at FPR {name}", "frozen threshold") for name in FPRS.values()]
    columns += [Head(f"TPR at FPR {name}", "oracle threshold") for name in FPRS.values()]
    rows = [
        [
            Cell(name, href=of_file(name, results.folder)),
            *(_at_fpr(of["at_fpr"][key].get("frozen"), frozen=True) for key in FPRS),
            *(_at_fpr(of["at_fpr"][key]["oracle"], frozen=False) for key in FPRS),
        ]
        for name, of in found.items()
    ]
    return Table(
        f"TPR at a low FPR. Below a number: {below_a_number(results)}. A frozen threshold has this FPR on validation "
        "reals; “FPR” is the one measured here. An oracle threshold is chosen on these reals, which is impossible in "
        "use. With n reals, an FPR below 1/n is not measurable.",
        [Head("Detector"), *columns],
        rows,
    )


def _by_seed(of: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return the value of each training seed of a number without an interval, as tables take it."""
    values = {seed: reduce(getitem, keys, one) for seed, one in of["by_seed"].items()}
    return {"seeds": values}


def _at_thresholds(found: dict[str, Any], results: Measured) -> list[tuple[list[Cell], dict[str, Any], bool]]:
    """Return for each detector, at its own thresholds and at 0.5, the first cells of a row, the metrics, and whether
    the thresholds are its own."""
    rows = []
    for name, of in found.items():
        own = list(results.detectors[name].get("thresholds", {"": results.detectors[name]["threshold"]}).values())
        low, high = f"{min(own):.3f}", f"{max(own):.3f}"
        for at, is_own in ((f"its own, {low}" + (f" to {high}" if high != low else ""), True), ("0.5", False)):
            rows.append(([Cell(name, href=of_file(name, results.folder)), text_cell(at)], of, is_own))
    return rows


def decisions(found: dict[str, Any], results: Measured) -> Table:
    rows = [
        [
            *first,
            *(
                plain_share(of[key], of["intervals"][key])
                if own
                else plain_share(of["at_half"][key], _by_seed(of, "at_half", key))
                for key in RATES
            ),
        ]
        for first, of, own in _at_thresholds(found, results)
    ]
    return Table(
        "Decisions at each detector's own threshold, frozen before these faces were read, and at 0.5, which most "
        f"papers use. Below a number: {below_a_number(results)}. Recall is the TPR.",
        [
            *(Head("Detector"), Head("Threshold", words=True)),
            *heads("Accuracy", "Balanced accuracy", "Precision", "Recall", "F1"),
        ],
        rows,
    )


def counts(found: dict[str, Any], results: Measured) -> Table:
    rows = [
        [
            *first,
            *(
                count_cell(of["confusion"][key], _by_seed(of, "confusion", key))
                if own
                else count_cell(of["at_half"]["confusion"][key], _by_seed(of, "at_half", "confusion", key))
                for key in CELLS
            ),
        ]
        for first, of, own in _at_thresholds(found, results)
    ]
    return Table(
        "Number of faces by decision: true and false positives, false and true negatives. Fakes are positives.",
        [Head("Detector"), Head("Threshold", words=True), *heads("TP", "FP", "FN", "TN")],
        rows,
    )


def errors(found: dict[str, Any], results: Measured) -> Table:
    rows = []
    for name, of in found.items():
        first = Cell(name, href=of_file(name, results.folder))
        after = (number_cell(of[key], of["intervals"].get(key) or _by_seed(of, key)) for key in ERRORS)
        rows.append([first, text_cell("after temperature"), *after])
        if "before_temperature" in of:
            before = (
                number_cell(of["before_temperature"][key], _by_seed(of, "before_temperature", key)) for key in ERRORS
            )
            rows.append([first, text_cell("before temperature"), *before])
    return Table(
        "Calibration errors of the scores; 0 is best. The temperature was fitted on validation faces of the training "
        "domain; “before temperature” is without it. ECE bins the probability of being fake, not the "
        "confidence of the verdict.",
        [
            *(Head("Detector"), Head("Scores", words=True), Head("Log loss")),
            *(Head("ECE", "of the probability of being fake"), *heads("MSE (Brier)", "RMSE")),
        ],
        rows,
    )


def other_trainings(found: dict[str, Any], results: Measured) -> list[Table]:
    """Return a table of the metrics on fakes of the same generator trained from another seed, if there are any."""
    rows = [
        [
            Cell(name, href=of_file(name, results.folder)),
            plain_share(of["tpr"]["share"], {"seeds": of["tpr"]["seeds"]}),
            plain_share(of["other_trainings"]["tpr"]["value"], of["other_trainings"]["tpr"]),
            valued(of["other_trainings"]["auc"]),
        ]
        for name, of in found.items()
        if of.get("other_trainings")
    ]
    text = (
        "Another training of the same generator. Each training seed of a detector has learned from the fakes of the "
        "generator's training of the same seed, and all other tables measure it on these. Here are also the fakes of "
        "the other training seeds. Their network is of the same architecture, and the detector has not seen it."
    )
    columns = heads("TPR, its own training", "TPR, other trainings", "AUC, other trainings")
    return [Table(text, [Head("Detector"), *columns], rows)] if rows else []
