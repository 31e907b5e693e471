"""Everything a report shows, read from the files that the stages wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unseen.errors import UserError
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
]


@dataclass(frozen=True)
class Results:
    """The numbers of a run.

    Attributes:
        params: the params of the run.
        detectors: metrics of each detector, from `evaluate`.
        cards: each detector's `detector.json`.
        counts: of each source and set of fakes, from `faces` and `generate`.
        audit: from `audit`.
        roc: columns detector, pair, fpr, tpr.
        leaderboard: a row for each detector, columns LEADERBOARD, best first.
    """

    params: Params
    detectors: dict[str, Any]
    cards: dict[str, Any]
    counts: dict[str, Any]
    audit: dict[str, Any]
    roc: pd.DataFrame
    leaderboard: pd.DataFrame


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not there; run `dvc repro`") from None


def leaderboard(detectors: dict[str, Any], cards: dict[str, Any]) -> pd.DataFrame:
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
    detectors = {name: _read(metrics / "detectors" / f"{name}.json") for name in params.detectors}
    cards = {name: _read(models / "detectors" / name / "detector.json") for name in params.detectors}
    counts = {name: _read(metrics / "faces" / f"{name}.json") for name in params.sources}
    counts |= {name: _read(metrics / "fakes" / f"{name}.json") for name in params.fakes}
    curves = [pd.read_csv(metrics / "roc" / f"{name}.csv") for name in params.detectors]
    return Results(
        params,
        detectors,
        cards,
        counts,
        _read(metrics / "audit.json"),
        pd.concat(curves, ignore_index=True)[["detector", "pair", "fpr", "tpr"]],
        leaderboard(detectors, cards),
    )
