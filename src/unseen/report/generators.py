"""Section "Generators and sources": TPR and AUC by generator, share called fake by set and source, and GANs."""

from collections.abc import Callable, Hashable
from typing import Any

from unseen.data.identities import people_text
from unseen.evaluation.matrix import HEADINGS
from unseen.evaluation.wording import over_seeds
from unseen.report.gans import gans_table
from unseen.report.results import Measured, Results, worst_generator
from unseen.report.section import Section
from unseen.report.standing import below_a_number
from unseen.report.tables import (
    NONE,
    Cell,
    Head,
    Table,
    around,
    around_n,
    heads,
    of_file,
    percent,
    share_cell,
    valued,
)

MEASURES = {"tpr": "TPR at the threshold", "auc": "AUC"}
Write = Callable[[float], str]


def _cell(results: Measured, row: dict[Hashable, Any], generator: str) -> Cell:
    value, measure = row[generator], row["measure"]
    if value != value:  # not measured on this generator
        return NONE
    found = results.detectors[str(row["detector"])]["generators"][generator][measure]
    if measure == "auc":
        return valued(found)
    return Cell(percent(value), around_n(found), value, heat=1 - value)


def _worst(results: Measured, row: dict[Hashable, Any], measure: str, write: Write) -> Cell:
    """Cell of the worst generator; if several have the lowest TPR, of the one that the verdict names."""
    detector = str(row["detector"])
    name = worst_generator(results, detector) if measure == "tpr" else str(row["worst_generator"])
    seeds = over_seeds(results.detectors[detector]["generators"][name][measure]["seeds"], write)
    return Cell(write(row["worst"]), (f"seeds {seeds}\n" if seeds else "") + name, row["worst"])


def _mean(results: Measured, row: dict[Hashable, Any], measure: str, write: Write) -> Cell:
    """Cell of the mean over generators, with its standard deviation over these, and its range over training seeds."""
    found = results.detectors[str(row["detector"])]["generators"].values()
    of = [one[measure]["seeds"] for one in found if measure in one]
    seeds = over_seeds({seed: sum(one[seed] for one in of) / len(of) for seed in of[0]}, write)
    return Cell(write(row["mean"]), f"± {write(row['std'])}" + (f"\nseeds {seeds}" if seeds else ""), row["mean"])


def _matrix(results: Measured, measure: str) -> Table:
    of = results.matrix[results.matrix["measure"] == measure]
    generators = [str(name) for name in of.columns[len(HEADINGS) :]]
    write = percent if measure == "tpr" else "{:.3f}".format
    rows = [
        [
            Cell(str(row["detector"]), href=of_file(str(row["detector"]), results.folder)),
            Cell(row["trained_on"] or "unknown", kind="words"),
            _worst(results, row, measure, write),
            _mean(results, row, measure, write),
            *(_cell(results, row, name) for name in generators),
        ]
        for row in of.to_dict("records")
    ]
    tint = "; darker cells have a lower TPR" if measure == "tpr" else ""
    return Table(
        f"{MEASURES[measure]}: detectors with their training fakes (rows) by generator of the measured fakes "
        f"(columns, lowest TPR first). Below a number: {below_a_number(results)}. ± is the standard deviation over "
        f"these generators{tint}.",
        [Head("Detector"), Head("Trained on fakes of", words=True), *heads("Worst", "Mean"), *heads(*generators)],
        rows,
        ["matrix.csv"] if isinstance(results, Results) else [],
    )


def _sources(results: Measured) -> Table:
    names = sorted({name for metrics in results.detectors.values() for name in metrics["sources"]})
    rows = [
        [
            Cell(detector, href=of_file(detector, results.folder)),
            *(share_cell(results.detectors[detector]["sources"].get(name), n=True) for name in names),
        ]
        for detector in results.names()
    ]
    return Table(
        "FPR at the threshold: the share of real faces called fake, by source. Below a number: "
        f"{below_a_number(results)}.",
        [Head("Detector"), *heads(*names)],
        rows,
    )


def _identities(of: dict[str, Any]) -> str:
    return people_text(of["people"], of["without_identity"]) if of["people"] else "no identities"


def _sets(results: Measured) -> Table | None:
    sets = next(iter(results.detectors.values())).get("sets", {})
    if not sets:
        return None
    rows = []
    for detector in results.names():
        row = [Cell(detector, href=of_file(detector, results.folder))]
        for one in results.detectors[detector]["sets"].values():
            called = one["called_fake"]
            right = (called["share"] >= 0.5) == (one["label"] == "fake")
            note = f"{around(called)}\nunsure {percent(one['unsure'])}"
            row.append(Cell(percent(called["share"]), note, called["share"], "good" if right else "bad"))
        rows.append(row)
    columns = [
        Head(
            name,
            ", ".join([one["label"], *one["generators"], f"n {one['called_fake']['n']}", _identities(one)]),
        )
        for name, one in sets.items()
    ]
    return Table(
        "Share called fake at the threshold in each evaluation set: high is right for fakes, low is right for reals. "
        f"Below a number: {below_a_number(results)}. “unsure”: share of scores in the band that validation faces of "
        "both classes share.",
        [Head("Detector"), *columns],
        rows,
    )


def section(results: Measured) -> Section:
    """Show the matrices of detectors and generators, then sources, sets, and the GANs of a run."""
    measures = [name for name in MEASURES if (results.matrix["measure"] == name).any()]
    tables = [*(_matrix(results, name) for name in measures), _sources(results), _sets(results)]
    if isinstance(results, Results):
        tables.append(gans_table(results))
    return Section(
        "generators",
        "Generators and sources",
        {"tables": [table for table in tables if table], "unnamed": results.matrix.empty},
    )
