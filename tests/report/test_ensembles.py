"""An ensemble in the report: among the detectors where predictions are measured, and named where networks are."""

import shutil
from pathlib import Path

import pytest

from unseen.core.json_files import write_json
from unseen.report.page import render
from unseen.report.results import Results, read_results
from unseen.report.terminal import table

WHY = (
    "Not measured for both: an ensemble is a rule over the predictions of its members and has no network of its own; "
    "see its members."
)


@pytest.fixture
def with_ensemble(results: Results, root: Path, tmp_path: Path) -> Results:
    """The run, read again with an ensemble whose predictions are one member's."""
    metrics, models = (shutil.copytree(root / name, tmp_path / name) for name in ("metrics", "models"))
    for file in ("detectors/{}.json", "roc/{}.csv", "reliability/{}.csv"):
        shutil.copy(metrics / file.format("dct_logistic"), metrics / file.format("both"))
    card = {key: results.cards["dct_logistic"][key] for key in ("parameters", "trained_on")}
    write_json(models / "ensembles/both/ensemble.json", {**card, "kind": "ensemble"})
    ensembles = {"both": {"members": {"dct_logistic": 1.0, "efficientnet_lite0": 1.0}}}
    params = type(results.params).model_validate({**results.params.model_dump(), "ensembles": ensembles})
    return read_results(params, metrics, models)


def test_it_stands_among_the_detectors(with_ensemble: Results, root: Path) -> None:
    assert with_ensemble.leaderboard["detector"].tolist() == ["efficientnet_lite0", "both", "dct_logistic"]
    assert set(with_ensemble.roc["detector"]) == {"both", "dct_logistic", "efficientnet_lite0"}
    assert set(with_ensemble.matrix["detector"]) == {"both", "dct_logistic", "efficientnet_lite0"}
    assert "both" in table(with_ensemble)
    assert 'href="../models/ensembles/both/ensemble.json"' in render(with_ensemble, [], root / "metrics")


@pytest.mark.usefixtures("no_charts")
def test_what_is_not_measured_says_why(with_ensemble: Results, root: Path) -> None:
    page = render(with_ensemble, [], root / "metrics")
    for name in ("robustness", "speed", "explanations"):
        start = page.index(f'id="{name}"')
        section = page[start : page.find("<section", start)]
        assert section.count(WHY) == 1, name
    assert page.count(WHY) == 3
    assert "Not timed: both" not in page


def test_files_that_an_ensemble_of_old_left_are_ignored(with_ensemble: Results, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics"
    shutil.copy(metrics / "robustness/dct_logistic.csv", metrics / "robustness/both.csv")
    again = read_results(with_ensemble.params, metrics, tmp_path / "models")
    assert "both" not in set(again.robustness["detector"])


def test_a_run_without_ensembles_says_nothing_of_them(report: str) -> None:
    assert "Not measured for" not in report
