"""Short SVG draws what the long one draws."""

import re

import pytest
from matplotlib.axes import Axes

from unseen.report.charts import chart, look
from unseen.report.svg import short_path


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("M 50 124 \nL 100 24 \nL 150.04 74.06 \n", "M50 124L100 24L150 74.1"),
        ("M 0 10 L 0 5 L 2.5 5 L 2.5 5.04 L 2.5 1 ", "M0 10V5H2.5V1"),
        ("M 1 1 L 1 2 L 3 2 L 3 1 z M 5 1 L 5 2", "M1 1V2H3V1zM5 1V2"),
        ("M 0 1.567 C 0.444 1.5 0.776 1.345 1.06 1.06 L 1.06 -0.001 z", "M0 1.57C0.44 1.5 0.78 1.34 1.06 1.06V0z"),
        ("", ""),
    ],
)
def test_a_path_is_written_in_fewer_bytes(long: str, short: str) -> None:
    assert short_path(long) == short


def test_markers_of_a_series_have_its_colour_once() -> None:
    def draw(axes: Axes) -> None:
        for series in (0, 1):
            axes.plot([0, 1, 2], [0, 1, series], **look(series))
        axes.plot([0], [1], **{**look(0), "markerfacecolor": "#ff0000"})  # the same marker in another colour

    drawn = chart("title", draw)
    of_ids = dict(re.findall(r'<path id="(\w+)" d="[^"]*" style="([^"]*)"', drawn))
    uses = re.findall(r'<use href="#(\w+)" x="[\d.]+" y="[\d.]+"( style="[^"]*")?/>', drawn)
    assert len(uses) == 7
    fills = [style or of_ids[name] for name, style in uses]
    assert [re.findall(r"fill: ([^;]*)", fill)[0] for fill in fills] == [
        *["var(--c0)"] * 3,
        *["var(--c1)"] * 3,
        "#ff0000",
    ]
