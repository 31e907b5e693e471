"""One run in small, and the pages that come of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from faces_for_training import OrlFaces, orl_faces
from unseen.faces.detect import FaceDetector
from unseen.report import audit, charts, curves, diffusion, made, pictures, robustness, speed
from unseen.report.data import described, render_data
from unseen.report.leaderboard import leaderboard
from unseen.report.page import render
from unseen.report.results import Results, read_results

from .finished_run import write_run

__all__ = ["orl_faces"]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def results(root: Path, orl_faces: OrlFaces, face_detector: FaceDetector, _params_on_disk: dict[str, Any]) -> Results:
    params = write_run(root, _params_on_disk, orl_faces, face_detector)
    return read_results(params, root / "metrics", root / "models")


@pytest.fixture(scope="session")
def sets(results: Results, root: Path) -> list[dict[str, Any]]:
    return described(results, root / "data")


@pytest.fixture(scope="session")
def report(results: Results, sets: list[dict[str, Any]], root: Path) -> str:
    return render(results, sets, root / "metrics")


@pytest.fixture(scope="session")
def data_page(results: Results, sets: list[dict[str, Any]]) -> str:
    return render_data(results, sets)


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages have no charts. Charts are most of the time that a page takes."""
    for module in (audit, curves, diffusion, made, pictures, robustness, speed):
        monkeypatch.setattr(module, "chart", lambda *_, **__: Markup("<svg></svg>"))
    monkeypatch.setattr(charts, "_swatch", lambda look: Markup("<svg></svg>"))


def of_first_seed(found: Any) -> Any:
    """Metrics as if there were one training seed."""
    if isinstance(found, list):
        return [of_first_seed(one) for one in found]
    if not isinstance(found, dict):
        return found
    short = {"seeds", "by_seed", "thresholds", "gaps_by_seed"}
    return {
        key: (one[:1] if isinstance(one, list) else dict([next(iter(one.items()))]))
        if key in short
        else of_first_seed(one)
        for key, one in found.items()
    }


@pytest.fixture
def one_seed(results: Results) -> Results:
    """The same run, had its detectors been trained once."""
    detectors = {name: of_first_seed(metrics) for name, metrics in results.detectors.items()}
    first = {name: getattr(results, name).query("seed == 4") for name in ("roc", "reliability", "training")}
    parameters = {name: card["parameters"] for name, card in results.cards.items()}
    return replace(
        results, detectors=detectors, leaderboard=leaderboard(detectors, parameters, results.marks), **first
    )


@pytest.fixture
def clean(results: Results) -> Results:
    """The same run, had nothing been wrong with it."""
    sources = {
        name: source.model_copy(update={"train_anyway": ""}) for name, source in results.params.sources.items()
    }
    params = results.params.model_copy(update={"sources": sources})
    unmarked = {name: list[str]() for name in results.marks}
    return replace(results, params=params, marks=unmarked, leaderboard=results.leaderboard.assign(marked=""))
