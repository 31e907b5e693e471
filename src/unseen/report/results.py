"""Everything a report shows, read from the files that the stages wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.evaluation.matrix import matrix
from unseen.params.check import Params
from unseen.sources.packaged import PACKAGED

LEADERBOARD = [
    "detector",
    "worst_pair",
    "balanced_accuracy",
    "auc",
    "auc_low",
    "auc_high",
    "tpr",
    "fpr",
    "threshold",
    "parameters",
    "marked",
]
KINDS = ("picture", "original", "file")
"""Of cues, what a good detector must beat first."""

RELIABILITY = ["detector", "pair", "temperature", "low", "high", "n", "predicted", "observed"]
TRAINING = ["detector", "step", "train_loss", "val_loss"]


@dataclass(frozen=True)
class Measured:
    """What predictions come to, whoever made them.

    Attributes:
        detectors: metrics of each detector, from `evaluate`.
        roc: columns detector, pair, fpr, tpr.
        reliability: columns detector, pair, temperature (before, after), low, high, n, predicted, observed.
        marks: for each pair, the properties of the stored files that tell its classes apart.
        rivals: for each pair, what simple cues come to, from `rivals`.
        leaderboard: a row for each detector, columns LEADERBOARD, best first.
        matrix: what each detector was trained on, and what it makes of each generator, from `matrix`.
        folder: where each detector's metrics lie, relative to the page; empty where they lie nowhere.
        warnings: signs that the predictions do not mean what they seem to, a sentence each.
    """

    detectors: dict[str, Any]
    roc: pd.DataFrame
    reliability: pd.DataFrame
    marks: dict[str, list[str]]
    rivals: dict[str, list[dict[str, Any]]]
    leaderboard: pd.DataFrame
    matrix: pd.DataFrame
    folder: str
    warnings: list[str]

    def names(self) -> list[str]:
        """The detectors, best first."""
        return [str(name) for name in self.leaderboard["detector"]]


@dataclass(frozen=True)
class Results(Measured):
    """All of a run of the pipeline. What only later runs have may be missing, and is empty then.

    Attributes:
        params: the params of the run.
        cards: each detector's `detector.json`, and each ensemble's `ensemble.json`.
        counts: of each source and set of fakes, from `faces` and `generate`.
        selections: of each evaluation set, what was kept and what was left out because it had trained something.
        gans: the last row of each GAN's own measurements, from `train_gan`.
        audit: from `audit`.
        training: columns detector, step, train_loss, val_loss.
        robustness: from each `robustness`, a row for each detector, pair, change and level.
        heat: of each detector that was explained, from `explain`.
        speed: of each detector that was timed, from `speed`.
        costs: of each stage that wrote what it took, in the order of their files.
    """

    params: Params
    cards: dict[str, Any]
    counts: dict[str, Any]
    selections: dict[str, Any]
    gans: dict[str, Any]
    audit: dict[str, Any]
    training: pd.DataFrame
    robustness: pd.DataFrame
    heat: dict[str, Any]
    speed: dict[str, Any]
    costs: list[dict[str, Any]]


def seen(results: Measured, detector: str, generator: str) -> bool | None:
    """Whether a generator's fakes trained a detector; None where nobody said."""
    if not isinstance(results, Results):
        return None
    return any(generator in split["generators"] for split in results.cards[detector]["trained_on"].values())


def worst_generator(results: Measured, detector: str) -> str:
    """Whose fakes a detector catches the least; of equal shares one that trained nothing, as that says more; empty
    where there is none."""
    shares = {name: one["tpr"]["share"] for name, one in results.detectors[detector]["generators"].items()}
    return min(shares, key=lambda name: (shares[name], bool(seen(results, detector, name)), name), default="")


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not there; run `dvc repro`") from None


def audited(params: Params, audit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each evaluated pair what the audit found on the stored sets it is made of; nothing where it found too few
    faces to say."""
    stored = {name: params.set_folders()[item.data][0] for name, item in params.evaluation_sets.items()}
    return {
        name: audit["pairs"].get(f"{stored[pair.reals]} / {stored[pair.fakes]}", {})
        for name, pair in params.pairs().items()
    }


def marks(params: Params, audit: dict[str, Any]) -> dict[str, list[str]]:
    """What the audit holds against each evaluated pair: a number on a marked pair may be about files, not fakes."""
    return {name: found.get("separated_by", []) for name, found in audited(params, audit).items()}


def rivals(params: Params, audit: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """For each evaluated pair what stands beside its detectors: the best single cue of each kind and all cues of the
    picture together, each with `kind`, `cue` (None: all), `auc`, `low` and `high`."""
    return {
        name: [
            {"kind": kind, "cue": cue, **(found[kind]["cues"][cue] if cue else found[kind]["together"])}
            for kind in KINDS
            for cue in ([found[kind]["carried_by"], None] if kind == "picture" else [found[kind]["carried_by"]])
        ]
        if found
        else []
        for name, found in audited(params, audit).items()
    }


def leaderboard(
    detectors: Mapping[str, Any], parameters: Mapping[str, int | None], marked: Mapping[str, list[str]]
) -> pd.DataFrame:
    """One row a detector, judged on the pair it does worst on, by balanced accuracy at the frozen threshold.

    Args:
        detectors: metrics of each detector, from `evaluate`.
        parameters: how many each has.
        marked: for each pair, what its marks say.
    """
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
                "tpr": pair["tpr"]["share"],
                "fpr": pair["fpr"]["share"],
                "threshold": metrics["threshold"],
                "parameters": parameters[name],
                "marked": " ".join(marked.get(worst, [])),
            }
        )
    order = ["balanced_accuracy", "auc", "detector"]
    return pd.DataFrame(rows, columns=LEADERBOARD).sort_values(
        order, ascending=[False, False, True], ignore_index=True
    )


def _table(path: Path) -> pd.DataFrame:
    """A table of this project's own. Names are text, also `007` and `nan`; an empty field is a missing number."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"detector": str, "pair": str})


def _tables(folder: Path, names: Iterable[str], columns: list[str] | None = None) -> pd.DataFrame:
    """The tables of several detectors as one; columns that none has are empty; no `columns` means all."""
    found = [_table(folder / f"{name}.csv").assign(detector=name) for name in names]
    joined = pd.concat(found, ignore_index=True)
    return joined if columns is None else joined.reindex(columns=columns)


def _some(folder: Path, names: Iterable[str], file: str) -> dict[str, Any]:
    """JSON files of those that have one."""
    paths = {name: folder / file.format(name) for name in names}
    return {name: read_json(path) for name, path in paths.items() if path.is_file()}


def _current(params: Params, parts: tuple[str, ...]) -> bool:
    """Whether params name the items of a cost's path: `(stage,)`, `(stage, item)` or `("score", detector, set)`."""
    stage, *items = parts
    blocks: dict[str, list[Mapping[str, Any]]] = {"score": [params.detectors, params.evaluation_sets]}
    blocks |= {
        "download": [params.archives],
        "folder": [params.folders],
        "asset": [params.assets],
        "packaged": [PACKAGED],
        "faces": [params.sources],
    }
    blocks |= {"train_gan": [params.gans], "generate": [params.fakes], "twins": [params.twins]}
    blocks |= {"train_autoencoder": [params.autoencoders], "evaluation_set": [params.evaluation_sets]}
    blocks |= {"train_detector": [params.detectors], "ensemble": [params.ensembles]}
    known = blocks.get(stage, [params.detectors])
    return all(item in names for item, names in zip(items, known, strict=False))


def _costs(folder: Path, params: Params) -> list[dict[str, Any]]:
    """What stages took, each with its `name`: stage, item, and for scores the set, as its file is called."""
    paths = sorted(folder.rglob("*.json"))
    paths = [path for path in paths if _current(params, path.relative_to(folder).with_suffix("").parts)]
    return [{**read_json(path), "name": " ".join(path.relative_to(folder).with_suffix("").parts)} for path in paths]


def read_results(params: Params, metrics: Path, models: Path) -> Results:
    """Read what `params` names; files of items that are no longer there are left alone.

    Raises:
        UserError: a file is missing that every run writes.
    """
    scored_names = params.scored_names()
    detectors = {name: _read(metrics / "detectors" / f"{name}.json") for name in scored_names}
    cards = {name: _read(models / "detectors" / name / "detector.json") for name in params.detectors}
    cards |= {name: _read(models / "ensembles" / name / "ensemble.json") for name in params.ensembles}
    counts = {name: _read(metrics / "faces" / f"{name}.json") for name in params.sources}
    counts |= {name: _read(metrics / "fakes" / f"{name}.json") for name in [*params.fakes, *params.twins]}
    audit = _read(metrics / "audit.json")
    marked = marks(params, audit)
    trained = [name for name in params.detectors if (metrics / "training" / f"{name}.csv").is_file()]
    changed = [name for name in params.detectors if (metrics / "robustness" / f"{name}.csv").is_file()]
    return Results(
        detectors=detectors,
        roc=_tables(metrics / "roc", scored_names, ["detector", "pair", "fpr", "tpr"]),
        reliability=_tables(metrics / "reliability", scored_names, RELIABILITY),
        marks=marked,
        rivals=rivals(params, audit),
        leaderboard=leaderboard(detectors, {name: card["parameters"] for name, card in cards.items()}, marked),
        matrix=matrix(detectors, cards),
        folder="detectors",
        warnings=[],
        params=params,
        cards=cards,
        counts=counts,
        selections={name: _read(metrics / "evaluation_sets" / f"{name}.json") for name in params.evaluation_sets},
        gans={name: _read(metrics / "gans" / name / "summary.json") for name in params.gans},
        audit=audit,
        training=_tables(metrics / "training", trained, TRAINING) if trained else pd.DataFrame(columns=TRAINING),
        robustness=_tables(metrics / "robustness", changed)
        if changed
        else pd.DataFrame(columns=["detector", "pair"]),
        heat=_some(metrics / "explanations", params.detectors, "{}/heat.json"),
        speed=_some(metrics / "speed", params.detectors, "{}.json"),
        costs=_costs(metrics / "costs", params),
    )
