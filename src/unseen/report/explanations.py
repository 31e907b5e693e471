"""Section "Explanations": heat on the face by outcome, example decisions, and spectra of each generator."""

from pathlib import Path
from typing import Any

from unseen.evaluation.wording import between
from unseen.report.pictures import small_uri
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section, not_for_ensembles
from unseen.report.standing import of_first_seed
from unseen.report.tables import NONE, Cell, Head, Table, of_file, percent

OUTCOMES = {
    "true_positive": "Fakes called fake",
    "false_negative": "Fakes missed",
    "true_negative": "Reals called real",
    "false_positive": "Reals called fake",
}
PICTURE_BYTES = 10**6
"""Of pictures in the page; files of the others are linked."""

METHODS = {"own": "its own map", "grad_cam": "Grad-CAM", "occlusion": "occlusion"}


def _outcome(found: dict[str, Any] | None) -> Cell:
    if not found or "heat_inside" not in found:
        return NONE
    inside, area = found["heat_inside"], found["area_inside"]
    note = f"{between(inside['value'], inside, percent)}, n {found['n']}\narea {percent(area)}"
    return Cell(percent(inside["value"]), note, inside["value"])


def _wrong_less_right(found: dict[str, Any]) -> Cell:
    """Cell with the difference in heat between wrong and right decisions, for each set that has both."""
    there = {name: one["wrong_less_right"] for name, one in found["groups"].items() if one["wrong_less_right"]}
    if not there:
        return NONE
    texts = [f"{name} {one['value']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})" for name, one in there.items()]
    # no-break spaces: beside wide columns the browser would narrow this one to a word
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
        "treated as a person). “area” is the share of the picture that the face covers, which uniform heat would "
        "give. “Wrong minus right”: the share of heat on the face beyond that area, of wrong decisions minus right "
        "ones of the same set; below 0, wrong decisions use more of the background.",
        [Head("Detector"), *(Head(text) for text in OUTCOMES.values()), Head("Wrong minus right", words=True)],
        rows,
    )


def _pictures(folder: Path) -> dict[str, str]:
    """Data addresses of a detector's pictures. One is empty if its file is missing: git does not track them."""
    paths = {name: folder / f"{name}.png" for name in ("panels", "neighbours")}
    return {name: small_uri(path) if path.is_file() else "" for name, path in paths.items()}


def _best(folder: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """The pictures of the first detectors, as many as have about PICTURE_BYTES together."""
    found: dict[str, dict[str, str]] = {}
    size = 0
    for name in names:
        pictures = _pictures(folder / name)
        size += sum(map(len, pictures.values()))
        if found and size > PICTURE_BYTES:
            break
        found[name] = pictures
    return found


def section(results: Measured, metrics: Path | None) -> Section:
    """Show heat, panels, neighbours and spectra.

    Args:
        results: of a run, or of external predictions.
        metrics: folder with the pictures; None for external predictions.
    """
    title = "Explanations"
    if not isinstance(results, Results) or metrics is None:
        return Section("explanations", title, missing=OWN_RUN)
    heat = {name: results.heat[name] for name in results.names() if name in results.heat}
    spectra = metrics / "spectra.png"
    if not heat and not spectra.is_file():
        return Section(
            "explanations", title, missing="No detector of this run has explanations; run `dvc repro explain`."
        )
    pictures = _best(metrics / "explanations", list(heat))
    return Section(
        "explanations",
        title,
        {
            "table": _table(heat) if heat else None,
            "first_seed": of_first_seed(results),
            "ensembles": not_for_ensembles(results.params.ensembles),
            "pictures": pictures,
            "others": [name for name in heat if name not in pictures],
            "spectra": small_uri(spectra) if spectra.is_file() else "",
        },
    )
