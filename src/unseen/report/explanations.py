"""What detectors looked at: heat on the face by outcome, the decisions themselves, and spectra of each generator."""

from pathlib import Path
from typing import Any

from unseen.evaluation.wording import between
from unseen.report.pictures import file_uri, small_uri
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section, not_for_ensembles
from unseen.report.tables import NONE, Cell, Head, Table, of_file, percent

OUTCOMES = {
    "true_positive": "Fakes called fake",
    "false_negative": "Fakes missed",
    "true_negative": "Reals called real",
    "false_positive": "Reals called fake",
}
METHODS = {"own": "its own map", "grad_cam": "Grad-CAM", "occlusion": "occlusion"}


def _outcome(found: dict[str, Any] | None) -> Cell:
    if not found or "heat_inside" not in found:
        return NONE
    inside, area = found["heat_inside"], found["area_inside"]
    note = f"{between(inside['value'], inside, percent)}, n {found['n']}\narea {percent(area)}"
    return Cell(percent(inside["value"]), note, inside["value"])


def _wrong_less_right(found: dict[str, Any]) -> Cell:
    """By how much less heat beyond the area wrong decisions have, of each class that has both."""
    there = {name: one["wrong_less_right"] for name, one in found["groups"].items() if one["wrong_less_right"]}
    if not there:
        return NONE
    texts = [f"{name} {one['value']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})" for name, one in there.items()]
    # a line each, and none is broken: beside wide columns a table would make this one as narrow as a word
    return Cell("\n".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in texts), kind="words")


def _table(heat: dict[str, Any]) -> Table:
    rows = [
        [
            Cell(
                name, METHODS.get(found["method"], found["method"]), href=of_file(name, "explanations", "/heat.json")
            ),
            *(_outcome(found["outcomes"].get(outcome)) for outcome in OUTCOMES),
            _wrong_less_right(found),
        ]
        for name, found in heat.items()
    ]
    return Table(
        "Share of heat on the face by outcome, with 95 % intervals over people (a picture without an identity is "
        "treated as a person). Heat that was spread evenly would have the "
        "share that stands as area. “Wrong less right”: how much more of the heat beyond that area wrong "
        "decisions have on the face than right ones of the same set; below 0, wrong ones look past the face.",
        [Head("Detector"), *(Head(text) for text in OUTCOMES.values()), Head("Wrong less right", words=True)],
        rows,
    )


def _pictures(folder: Path) -> dict[str, str]:
    """The pictures in a detector's folder, empty where there are none: git keeps them not, a fresh clone has none."""
    paths = {name: folder / f"{name}.png" for name in ("panels", "neighbours")}
    return {name: small_uri(path) if path.is_file() else "" for name, path in paths.items()}


def section(results: Measured, metrics: Path | None) -> Section:
    """Heat, panels, neighbours and spectra.

    Args:
        results: of anybody.
        metrics: holds the pictures; None where there are none.
    """
    title = "What detectors looked at"
    if not isinstance(results, Results) or metrics is None:
        return Section("explanations", title, missing=OWN_RUN)
    heat = {name: results.heat[name] for name in results.names() if name in results.heat}
    spectra = metrics / "spectra.png"
    if not heat and not spectra.is_file():
        return Section(
            "explanations", title, missing="No detector of this run was explained: `dvc repro explain` does it."
        )
    return Section(
        "explanations",
        title,
        {
            "table": _table(heat) if heat else None,
            "ensembles": not_for_ensembles(results.params.ensembles),
            "pictures": {name: _pictures(metrics / "explanations" / name) for name in heat},
            "spectra": file_uri(spectra) if spectra.is_file() else "",
        },
    )
