"""Charts: where a value lies, how series differ, that names in them are harmless, and that bytes repeat."""

import itertools
import re
from collections.abc import Callable

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes

from conftest import ROOT
from unseen.report.charts import (
    COLORS,
    annotate,
    chart,
    legend,
    line_legend,
    log_axis,
    look,
    name_axis,
    number_axis,
    share_axis,
)

from .html_pages import Page

SQUARE = {"width": 168, "height": 162}
"""Pixels of a chart whose axes are 100 by 100, from (50, 124) to (150, 24)."""


def shares(axes: Axes) -> None:
    share_axis(axes.xaxis)
    share_axis(axes.yaxis)


def ticks(scale: Callable[[Axes], None]) -> list[str]:
    """What is written below the x axis."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", chart("", lambda axes: (axes.set_yticks([]), scale(axes))[0]))
    return [text for text in texts if text]


def test_a_value_lies_where_its_axis_says() -> None:
    def draw(axes: Axes) -> None:
        shares(axes)
        axes.plot([0, 0.5, 1], [0, 1, 0.5], color="#ff0000")

    assert 'd="M50 124L100 24L150 74"' in chart("", draw, **SQUARE)


def test_a_curve_of_100000_points_is_short() -> None:
    def draw(axes: Axes) -> None:
        shares(axes)
        x = np.linspace(0, 1, 100_001)
        axes.step(x, np.sqrt(x), where="post", color="#ff0000")

    assert len(chart("", draw, 340, 300)) < 60_000


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 200, ["0", "50", "100", "150", "200"]),
        (0, 0.65, ["0", "0.2", "0.4", "0.6"]),
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (0, 12345, ["0", "5,000", "10,000"]),
        (3, 3, ["3", "3.2", "3.4", "3.6", "3.8", "4"]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[str]) -> None:
    assert ticks(lambda axes: number_axis(axes.xaxis, low, high)) == expected


def test_a_logarithmic_axis_has_three_ticks_at_least() -> None:
    assert ticks(lambda axes: log_axis(axes.xaxis, [10, 400])) == ["10", "20", "50", "100", "200", "500"]
    assert ticks(lambda axes: log_axis(axes.xaxis, [1, 40_000])) == ["1", "10", "100", "1,000", "10,000"]
    assert len(ticks(lambda axes: log_axis(axes.xaxis, [44.0, 51.0]))) > 2


def test_names_are_ticks() -> None:
    assert ticks(lambda axes: name_axis(axes.xaxis, ["clean", "90", "30"])) == ["clean", "90", "30"]
    assert ticks(lambda axes: name_axis(axes.xaxis, ["clean"])) == ["clean"]


def test_series_differ_without_colour() -> None:
    looks = [look(number) for number in range(10)]
    assert len({str(one["linestyle"]) for one in looks}) == 5
    assert len({(str(one["linestyle"]), one["marker"]) for one in looks}) == 10


SEEN_BY: dict[str, npt.ArrayLike] = {
    "all": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
"""Linear RGB as the colour-blind see it (Machado et al. 2009, severity 1)."""


def _linear(color: str) -> npt.NDArray[np.float64]:
    parts = np.asarray([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _lab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    to_xyz = np.asarray([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
    xyz = to_xyz @ linear.clip(0, 1) / [0.9505, 1.0, 1.0888]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.asarray([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_differ_for_the_colour_blind_and_from_the_page(theme: int) -> None:
    css = (ROOT / "src/unseen/report/style.css").read_text(encoding="utf-8")
    colors = [re.findall(rf"--c{number}: (#\w+)", css)[theme] for number in range(COLORS)]
    paper = _linear((re.findall(r"--bg: (#\w+)", css)[theme] + "fff")[:7])
    for who, matrix in SEEN_BY.items():
        seen = [_lab(np.asarray(matrix) @ _linear(color)) for color in colors]
        nearest = min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2))
        assert nearest > 20, f"{who}: CIE76 distance"
    for color in colors:
        bright, dark = sorted(float(np.dot(one, [0.2126, 0.7152, 0.0722])) for one in (_linear(color), paper))[::-1]
        assert (bright + 0.05) / (dark + 0.05) >= 3, "WCAG 2.2, 1.4.11"


def test_colours_are_the_page_s_whatever_a_matplotlibrc_says() -> None:
    def draw(axes: Axes) -> None:
        name_axis(axes.xaxis, ["a", "b"])
        share_axis(axes.yaxis)
        axes.set(xlabel="x", ylabel="y")
        axes.plot([0, 1], [0, 1], **look(3))

    drawn = chart("title", draw)
    assert "var(--c3)" in drawn
    assert "var(--ink)" in drawn
    assert not re.search(r"#[0-9a-f]{6}|rgb\(", re.sub(r'(id="|href="#)\w+', "", drawn))
    with matplotlib.rc_context({"axes.facecolor": "#123456", "svg.fonttype": "path", "font.size": 30}):
        assert chart("title", draw) == drawn, "the same bytes"


def test_charts_of_one_page_share_no_ids() -> None:
    def draw(axes: Axes, series: int) -> None:
        axes.plot([0, 1], [0, 1], **look(series))

    drawn = [chart("a", lambda axes, n=number: draw(axes, n)) for number in (0, 1)]  # type: ignore[misc]
    ids = [re.findall(r' id="(\w+)"', one) for one in drawn]
    assert all(ids)
    assert not set(ids[0]) & set(ids[1])
    for one, own in zip(drawn, ids, strict=True):
        assert set(re.findall(r'href="#(\w+)"', one)) <= set(own)


def test_a_label_that_would_lie_on_another_is_moved_down() -> None:
    def draw(axes: Axes) -> None:
        shares(axes)
        for name, x in (("one", 0.5), ("two", 0.5), ("far", 0.1)):
            annotate(axes, x, 0.5, name)

    texts = re.findall(r'y="([\d.]+)">(\w+)<', chart("", draw))
    lines = {text: float(y) for y, text in texts}
    assert lines["two"] - lines["one"] >= 10
    assert lines["far"] == lines["one"]


def test_names_are_printed_and_not_interpreted() -> None:
    evil = '"><script>alert(1)</script> $x^2$'

    def draw(axes: Axes) -> None:
        name_axis(axes.xaxis, [evil])
        share_axis(axes.yaxis)
        axes.set(xlabel=evil, ylabel=evil)
        annotate(axes, 0, 0.5, evil)

    shown = chart(evil, draw) + legend([evil]) + line_legend([evil])
    assert "<script" not in shown
    texts = Page(shown).texts
    assert texts["text"].count(evil) == 5, "title, both labels, a tick and a label"
    assert texts["li"] == [evil, evil]
