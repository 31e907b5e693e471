"""Everything a report shows, read from the files that the stages wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unseen.errors import UserError
from unseen.evaluation.matrix import matrix
from unseen.files import read_json
from unseen.params import Params

LEADERBOARD = [
    "detector",
    "worst_pair",
    "balanced_accuracy",
    "auc",
    "auc_low",
    "auc_high",
    "caught",
    "flagged",
    "threshold",
    "parameters",
    "marked",
]


@dataclass(frozen=True)
class Results:
    """The numbers of a run.

    Attributes:
        params: the params of the run.
        detectors: metrics of each detector, from `evaluate`.
        cards: each detector's `detector.json`.
        counts: of each source and set of fakes, from `faces` and `generate`.
        selections: of each evaluation set, what was kept and what was left out because it had trained something.
        gans: the last row of each GAN's own measurements, from `train_gan`.
        audit: from `audit`.
        roc: columns detector, pair, fpr, tpr.
        marks: for each pair, the properties of the stored files that tell its classes apart.
        leaderboard: a row for each detector, columns LEADERBOARD, best first.
        matrix: what each detector was trained on, and what it makes of each generator, from `matrix`.
    """

    params: Params
    detectors: dict[str, Any]
    cards: dict[str, Any]
    counts: dict[str, Any]
    selections: dict[str, Any]
    gans: dict[str, Any]
    audit: dict[str, Any]
    roc: pd.DataFrame
    marks: dict[str, list[str]]
    leaderboard: pd.DataFrame
    matrix: pd.DataFrame


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not there; run `dvc repro`") from None


def marks(params: Params, audit: dict[str, Any]) -> dict[str, list[str]]:
    """What the audit holds against each evaluated pair: a number on a marked pair may be about files, not fakes."""
    stored = {name: params.folders()[item.data][0] for name, item in params.evaluation_sets.items()}
    found = {name: f"{stored[pair.reals]} / {stored[pair.fakes]}" for name, pair in params.pairs().items()}
    return {name: audit["pairs"].get(key, {}).get("separated_by", []) for name, key in found.items()}


def leaderboard(detectors: dict[str, Any], cards: dict[str, Any], marked: dict[str, list[str]]) -> pd.DataFrame:
    """One row a detector, judged on the pair it does worst on, by balanced accuracy at the frozen threshold."""
    rows = []
    for name, metrics in detectors.items():
        worst, pair = min(metrics["pairs"].items(), key=lambda item: (item[1]["balanced_accuracy"], item[0]))
        rows.append(
            {
                "detector": name,
                "worst_pair": worst,
                "balanced_accuracy": pair["balanced_accuracy"],
                "auc": pair["auc"]["value"],
                "auc_low": pair["auc"]["low"],
                "auc_high": pair["auc"]["high"],
                "caught": pair["caught"]["share"],
                "flagged": pair["flagged"]["share"],
                "threshold": metrics["threshold"],
                "parameters": cards[name]["parameters"],
                "marked": " ".join(marked[worst]),
            }
        )
    order = ["balanced_accuracy", "auc", "detector"]
    return pd.DataFrame(rows, columns=LEADERBOARD).sort_values(
        order, ascending=[False, False, True], ignore_index=True
    )


def read_results(params: Params, metrics: Path, models: Path) -> Results:
    """Read what `params` names; files of items that are no longer there are left alone.

    Raises:
        UserError: a file is missing.
    """
    detectors = {name: _read(metrics / "detectors" / f"{name}.json") for name in params.judged()}
    cards = {name: _read(models / "detectors" / name / "detector.json") for name in params.judged()}
    counts = {name: _read(metrics / "faces" / f"{name}.json") for name in params.sources}
    counts |= {name: _read(metrics / "fakes" / f"{name}.json") for name in [*params.fakes, *params.twins]}
    selections = {name: _read(metrics / "evaluation_sets" / f"{name}.json") for name in params.evaluation_sets}
    curves = [pd.read_csv(metrics / "roc" / f"{name}.csv") for name in params.judged()]
    audit = _read(metrics / "audit.json")
    marked = marks(params, audit)
    return Results(
        params,
        detectors,
        cards,
        counts,
        selections,
        {name: _read(metrics / "gans" / name / "summary.json") for name in params.gans},
        audit,
        pd.concat(curves, ignore_index=True)[["detector", "pair", "fpr", "tpr"]],
        marked,
        leaderboard(detectors, cards, marked),
        matrix(detectors, cards),
    )
