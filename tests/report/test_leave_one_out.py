"""The section of generators that were left out: there if params leave any out, with the diagonal marked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.made_up import bell, columns, frame, with_seeds
from unseen.core.json_files import write_metrics
from unseen.data.evaluation_sets import Pair
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.leave_one_out import LeftOut, leave_one_out
from unseen.evaluation.scored import Frozen, Scored
from unseen.evaluation.settings import LeaveOneOutSettings
from unseen.report.leave_one_out import section
from unseen.report.page import render, sections
from unseen.report.results import Results, read_results
from unseen.report.section import OWN_RUN
from unseen.report.stage_costs import is_current

from .html_pages import Page

CUE = {"pair": "orl / gan", "kind": "picture", "cue": "sharpness", "auc": 0.875, "low": 0.75, "high": 0.96875}


def row(of_a: float, of_b: float) -> LeftOut:
    sets = {"reals": Scored.of(with_seeds(*(frame(0, bell(-2, 30, seed), name="reals") for seed in (1, 2))))}
    for name, mean in (("a", of_a), ("b", of_b)):
        parts = [pd.DataFrame(columns(1, bell(mean, 20, seed), None, name, name)) for seed in (3, 4)]
        sets[name] = Scored.of(with_seeds(*parts))
    return LeftOut(sets, {4: Frozen(0.5), 5: Frozen(0.5)})


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the stage writes: `a` is lost where it is unseen, `b` is not."""
    pairs = {name: Pair(reals="reals", fakes=name, matched=True) for name in ("a", "b")}
    made = leave_one_out({"a": row(-2.0, 3.0), "b": row(3.0, 3.0)}, pairs, Resampling(100, 4))
    for name, cue in (("a", CUE), ("b", None)):
        made["generators"][name]["cue"] = cue
    return made


@pytest.mark.usefixtures("no_charts")
def test_the_page_has_the_table_and_the_matrices(results: Results, found: dict[str, Any]) -> None:
    page = Page(render(replace(results, left_out={"dct_logistic": found}), [], None))
    assert "#leave_one_out" in page.links
    rows = next(
        rows
        for rows, text in zip(page.tables, page.captions, strict=True)
        if text.startswith("dct_logistic: each generator when")
    )
    of_a, of_b = found["generators"]["a"], found["generators"]["b"]
    assert [row[0] for row in rows[1:]] == ["an 20 fakes, 30 reals", "bn 20 fakes, 30 reals"]
    assert rows[1][1].startswith(f"{of_a['unseen']['auc']['value']:.3f}seeds ")
    assert rows[1][2].startswith(f"{of_a['seen']['auc']['value']:.3f}")
    assert rows[1][3].startswith(f"{of_a['drop']['auc']['value']:.3f}")
    assert rows[1][4] == "0.875sharpness 0.750 to 0.969"
    assert rows[2][4] == "none above chance"
    assert rows[2][5].startswith(f"{of_b['unseen']['tpr']['value']:.1%}")
    assert rows[2][7].startswith(f"{of_b['unseen']['fpr']['value']:.1%}")
    captions = [text for text in page.captions if "(rows) by the generator" in text]
    assert [text.split(":")[0] for text in captions] == [
        "dct_logistic, AUC",
        "dct_logistic, TPR at the threshold",
        "dct_logistic, FPR at the threshold",
    ]
    assert {"leave_one_out/dct_logistic.json", "leave_one_out/dct_logistic.csv"} <= set(page.links)


def test_the_diagonal_is_marked(results: Results, found: dict[str, Any]) -> None:
    shown = section(replace(results, left_out={"dct_logistic": found})).data["detectors"][0]
    matrix = shown["matrices"][0]
    assert [[cell.kind for cell in cells[1:]] for cells in matrix.rows] == [["unseen", ""], ["", "unseen"]]
    assert [cells[0].text for cells in matrix.rows] == ["without a", "without b"]
    assert matrix.rows[0][1].note.startswith("unseen\nseeds ")
    assert [cells[1].sort for cells in matrix.rows] == [found["matrix"][name]["a"]["auc"]["value"] for name in "ab"]


@pytest.mark.usefixtures("no_charts")
def test_without_left_out_generators_there_is_no_section(results: Results) -> None:
    assert results.left_out == {}
    assert section(results).missing == OWN_RUN
    assert "leave_one_out" not in [one.name for one in sections(results, [], None)]


def test_the_files_of_the_detectors_in_params_are_read(results: Results, root: Path, found: dict[str, Any]) -> None:
    block = LeaveOneOutSettings(detectors=["dct_logistic"], generators=["dcgan", "Swap-2.1"])
    params = results.params.model_copy(update={"leave_one_out": block})
    for name in ("dct_logistic", "efficientnet_lite0"):  # that of the second is of an earlier run
        write_metrics(root / "metrics/leave_one_out" / f"{name}.json", found)
    again = read_results(params, root / "metrics", root / "models")
    assert list(again.left_out) == ["dct_logistic"]
    assert again.left_out["dct_logistic"]["generators"]["a"]["cue"] == CUE
    assert is_current(params, ("leave_one_out", "dct_logistic", "Swap-2.1"))
    assert is_current(params, ("leave_one_out_matrix", "dct_logistic"))
    assert not is_current(params, ("leave_one_out", "dct_logistic", "gone"))
    assert not is_current(params, ("leave_one_out_matrix", "efficientnet_lite0"))
