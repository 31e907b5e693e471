"""Curves: a thin line for each training seed, a usual one if there is one seed."""

import re

import pandas as pd
import pytest

from unseen.report.curves import reliability_chart, roc_chart
from unseen.report.made import training_chart

SEEDS = (4, 5, 6)


def widths(svg: str) -> list[str]:
    """The widths of the lines of the first series; 1 is the default of SVG."""
    styles = re.findall(r'<path d="[^"]+" style="([^"]*stroke: var\(--c0\)[^"]*)"', svg)
    return [(re.findall(r"stroke-width: ([\d.]+)", style) or ["1"])[0] for style in styles]


def curves(seeds: tuple[int, ...], **columns: object) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"detector": "a", "pair": "p", "seed": seed, **columns}) for seed in seeds])


@pytest.mark.parametrize(("seeds", "expected"), [(SEEDS, ["1"] * 3), ((4,), ["2"])])
def test_roc_has_a_line_for_each_training_seed(seeds: tuple[int, ...], expected: list[str]) -> None:
    assert widths(roc_chart(curves(seeds, fpr=[0.0, 0.1, 1.0], tpr=[0.0, 0.8, 1.0]), "p", ["a"])) == expected


@pytest.mark.parametrize(("seeds", "expected"), [(SEEDS, ["1"] * 6), ((4,), ["2"] * 2)])
def test_reliability_has_two_lines_for_each_training_seed(seeds: tuple[int, ...], expected: list[str]) -> None:
    rows = [
        curves(seeds, temperature=when, predicted=[0.1, 0.9], observed=[0.2, 0.7]) for when in ("before", "after")
    ]
    assert widths(reliability_chart(pd.concat(rows), "a", 0)) == expected


@pytest.mark.parametrize(("seeds", "expected"), [(SEEDS, ["1"] * 6), ((4,), ["2"] * 2)])
def test_training_has_two_lines_for_each_training_seed(seeds: tuple[int, ...], expected: list[str]) -> None:
    rows = curves(seeds, step=[20, 40], train_loss=[0.7, 0.5], val_loss=[0.6, 0.4])
    assert widths(training_chart(rows, "a", 0)) == expected
