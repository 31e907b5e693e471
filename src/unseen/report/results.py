"""Results that the report shows, read from the files of the stages."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.evaluation.matrix import matrix
from unseen.params.check import Params
from unseen.report.baselines import baselines, marks
from unseen.report.leaderboard import leaderboard
from unseen.report.stage_costs import read_costs

ROC = ["detector", "pair", "seed", "fpr", "tpr"]
RELIABILITY = ["detector", "pair", "seed", "temperature", "low", "high", "n", "predicted", "observed"]
TRAINING = ["detector", "seed", "step", "train_loss", "val_loss"]


CHARTED = 10
"""Detectors in charts and in the tables of single pairs. More lines can't be told apart, and a page with all of 30
detectors on 10 sets has 36 MB."""


@dataclass(frozen=True)
class Measured:
    """Metrics that need only predictions.

    Attributes:
        detectors: metrics of each detector, from `evaluate`.
        roc: columns detector, pair, seed, fpr, tpr.
        reliability: columns detector, pair, seed, temperature (before, after), low, high, n, predicted, observed.
        marks: for each pair, the properties of the stored files that separate its classes.
        baselines: for each pair, the AUC of simple cues, from `baselines`.
        leaderboard: a row for each detector, columns LEADERBOARD, best first.
        matrix: the training fakes of each detector and its metrics by generator, from `matrix`.
        folder: folder of the metrics files, relative to the page; empty if there are none.
        warnings: problems with the predictions, one sentence each.
    """

    detectors: dict[str, Any]
    roc: pd.DataFrame
    reliability: pd.DataFrame
    marks: dict[str, list[str]]
    baselines: dict[str, list[dict[str, Any]]]
    leaderboard: pd.DataFrame
    matrix: pd.DataFrame
    folder: str
    warnings: list[str]

    def names(self) -> list[str]:
        """Names of the detectors, best first."""
        return [str(name) for name in self.leaderboard["detector"]]

    def charted(self) -> list[str]:
        """Names of the detectors that charts and details show: the best CHARTED ones."""
        return self.names()[:CHARTED]

    def only_charted(self) -> str:
        """A sentence about the detectors that charts and details do not show; empty if they show all."""
        if len(self.names()) <= CHARTED:
            return ""
        return (
            f"Here are the {CHARTED} best of {len(self.names())} detectors by the leaderboard. The leaderboard, the "
            "tables of generators, pairs and speed, and the files have all."
        )


@dataclass(frozen=True)
class Results(Measured):
    """Results of a run of the pipeline. Results of optional stages may be empty.

    Attributes:
        params: of the run.
        cards: `detector.json` of each detector and `ensemble.json` of each ensemble.
        counts: of each source and set of fakes, from `faces` and `generate`.
        captions: of each table of captions, its counts and examples, from `captions`.
        selections: for each evaluation set, counts of faces kept, and of faces left out because they were used in
            training.
        gans: the last GAN metrics of each GAN, from `train_gan`.
        audit: from `audit`.
        training: columns detector, seed, step, train_loss, val_loss.
        robustness: a row for each detector, pair, change and level, from `robustness`.
        gate: a row for each detector, evaluation set, change and level, from `robustness`.
        left_out: for each detector that was trained without one generator at a time, from `leave_one_out_matrix`.
        heat: for each explained detector, from `explain`.
        speed: for each timed detector, from `speed`.
        costs: time and memory of each stage, sorted by file.
    """

    params: Params
    cards: dict[str, Any]
    counts: dict[str, Any]
    captions: dict[str, Any]
    selections: dict[str, Any]
    gans: dict[str, Any]
    audit: dict[str, Any]
    training: pd.DataFrame
    robustness: pd.DataFrame
    gate: pd.DataFrame
    left_out: dict[str, Any]
    heat: dict[str, Any]
    speed: dict[str, Any]
    costs: list[dict[str, Any]]


def seen(results: Measured, detector: str, generator: str) -> bool | None:
    """Whether a generator's fakes trained a detector; None if unknown."""
    if not isinstance(results, Results):
        return None
    return any(generator in split["generators"] for split in results.cards[detector]["trained_on"].values())


def calibrated_only(results: Measured, detector: str) -> bool:
    """Whether a detector is a ready checkpoint, of which only temperature and threshold were fitted."""
    return isinstance(results, Results) and bool(results.cards[detector].get("calibrated_only"))


def worst_generator(results: Measured, detector: str) -> str:
    """Return the generator with the lowest TPR, held-out ones first among equals; empty if there is none."""
    shares = {name: one["tpr"]["share"] for name, one in results.detectors[detector]["generators"].items()}
    return min(shares, key=lambda name: (shares[name], bool(seen(results, detector, name)), name), default="")


def training_seeds(results: Measured) -> list[int]:
    """Return the training seeds of the detectors, the first one first."""
    found: list[int] = next(iter(results.detectors.values()))["seeds"]
    return found


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run `dvc repro`") from None


def _selections(path: Path, params: Params) -> dict[str, Any]:
    """The counts of each evaluation set."""
    found = _read(path)
    if missing := sorted(set(params.evaluation_sets) - set(found)):
        raise UserError(f"{path}: has no counts of {missing[0]}; run `dvc repro`")
    return {name: found[name] for name in params.evaluation_sets}


def _table(path: Path) -> pd.DataFrame:
    """Read a CSV file of a stage. Names are text, also `007` and `nan`; an empty field is a missing number."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"detector": str, "pair": str, "set": str})


def _tables(folder: Path, names: Iterable[str], columns: list[str] | None = None) -> pd.DataFrame:
    """Join the tables of several detectors, with all columns or with `columns`; missing columns are empty."""
    found = [_table(folder / f"{name}.csv").assign(detector=name) for name in names]
    joined = pd.concat(found, ignore_index=True)
    return joined if columns is None else joined.reindex(columns=columns)


def _existing(folder: Path, names: Iterable[str], file: str) -> dict[str, Any]:
    """Read the JSON files that exist."""
    paths = {name: folder / file.format(name) for name in names}
    return {name: read_json(path) for name, path in paths.items() if path.is_file()}


def read_results(params: Params, metrics: Path, models: Path) -> Results:
    """Read the results of the items in `params`; files of other items are ignored.

    Raises:
        UserError: a required file is missing.
    """
    scored_names = params.scored_names()
    detectors = {name: _read(metrics / "detectors" / f"{name}.json") for name in scored_names}
    cards = {name: _read(models / "detectors" / name / "detector.json") for name in params.detectors}
    cards |= {name: _read(models / "ensembles" / name / "ensemble.json") for name in params.ensembles}
    counts = {name: _read(metrics / "faces" / f"{name}.json") for name in params.sources}
    counts |= {
        name: _read(metrics / "fakes" / f"{name}.json") for name in [*params.fakes, *params.twins, *params.diffuse]
    }
    audit = _read(metrics / "audit.json")
    marked = marks(params, audit)
    trained = [name for name in params.detectors if (metrics / "training" / f"{name}.csv").is_file()]
    changed = [name for name in params.detectors if (metrics / "robustness" / f"{name}.csv").is_file()]
    measured = [name for name in params.detectors if (metrics / "gate" / f"{name}.csv").is_file()]
    return Results(
        detectors=detectors,
        roc=_tables(metrics / "roc", scored_names, ROC),
        reliability=_tables(metrics / "reliability", scored_names, RELIABILITY),
        marks=marked,
        baselines=baselines(params, audit),
        leaderboard=leaderboard(detectors, {name: card["parameters"] for name, card in cards.items()}, marked),
        matrix=matrix(detectors, cards),
        folder="detectors",
        warnings=[],
        params=params,
        cards=cards,
        counts=counts,
        captions={name: _read(metrics / "captions" / f"{name}.json") for name in params.captions},
        selections=_selections(metrics / "evaluation_sets.json", params),
        gans={name: _read(metrics / "gans" / name / "summary.json") for name in params.gans},
        audit=audit,
        training=_tables(metrics / "training", trained, TRAINING) if trained else pd.DataFrame(columns=TRAINING),
        robustness=_tables(metrics / "robustness", changed)
        if changed
        else pd.DataFrame(columns=["detector", "pair"]),
        gate=_tables(metrics / "gate", measured) if measured else pd.DataFrame(columns=["detector", "set"]),
        left_out={name: _read(metrics / "leave_one_out" / f"{name}.json") for name in params.leave_one_out.detectors},
        heat=_existing(metrics / "explanations", params.detectors, "{}/heat.json"),
        speed=_existing(metrics / "speed", params.detectors, "{}.json"),
        costs=read_costs(metrics / "costs", params),
    )
