"""Charts: where a value lies, what tells series apart, and that names in them are harmless."""

import re

import pytest

from unseen.report.svg import Axis, Chart, legend, log_axis, name_axis, number_axis, share_axis

from .html_pages import Page

SQUARE = {"width": 168, "height": 162}
"""Pixels of a chart whose axes are 100 by 100, from (50, 124) to (150, 24)."""


def test_a_value_lies_where_its_axis_says() -> None:
    chart = Chart("", share_axis("x"), Axis("y", 0, 10, ()), **SQUARE)
    chart.line([0, 0.5, 1], [0, 10, 5], 0)
    assert 'd="M50 124L100 24L150 74"' in chart.svg()


def test_steps_go_across_and_then_up() -> None:
    chart = Chart("", share_axis("x"), share_axis("y"), **SQUARE)
    chart.line([0, 0.5], [0, 1], 0, steps=True)
    assert 'd="M50 124H100V24"' in chart.svg()


def test_a_curve_is_no_longer_than_what_can_be_seen_of_it() -> None:
    chart = Chart("", share_axis("x"), share_axis("y"), **SQUARE)
    chart.line([n / 100_000 for n in range(100_001)], [0.0] * 100_001, 0)
    assert 500 < chart.svg().count("L") <= 1001, "a tenth of a pixel each"


def test_a_logarithmic_axis_has_ratios() -> None:
    axis = Axis("", 1, 100, (), log=True)
    assert [axis.place(value) for value in (1, 10, 100, 1000, 0)] == pytest.approx([0, 0.5, 1, 1, 0])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 200, ["0", "50", "100", "150", "200"]),
        (0, 0.65, ["0", "0.2", "0.4", "0.6"]),
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (0, 12345, ["0", "5,000", "10,000"]),
        (3, 3, ["3", "3.2", "3.4", "3.6", "3.8", "4"]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, ticks: list[str]) -> None:
    assert [text for _, text in number_axis("", low, high).ticks] == ticks


def test_a_logarithmic_axis_has_three_ticks_at_least() -> None:
    assert [text for _, text in log_axis("", [10, 400]).ticks] == ["10", "20", "50", "100", "200", "500"]
    assert len(log_axis("", [44.0, 51.0]).ticks) > 2


def test_colour_is_not_all_that_tells_series_apart() -> None:
    items = re.findall(
        r'class="line s(\d)" stroke-dasharray="([^"]*)".*?d="(M[^"]*)"/></svg>', legend(list("abcdefghij"))
    )
    assert len(items) == 10
    assert len({dash for _, dash, _ in items}) == 5
    assert len({(dash, shape) for _, dash, shape in items}) == 10, "without any colour"


def test_colours_are_the_page_s() -> None:
    chart = Chart("title", name_axis("x", ["a", "b"]), share_axis("y"))
    chart.line([0, 1], [0, 1], 3, marks=True)
    chart.bar(0, 1, 0, 1)
    assert not re.search(r"#[0-9a-f]{3}|rgb|fill=|stroke=|style=", chart.svg())


def test_words_that_would_lie_on_others_are_moved_down() -> None:
    chart = Chart("", share_axis("x"), share_axis("y"))
    for name in ("one", "two", "far"):
        chart.mark(0.5 if name != "far" else 0.1, 0.5, 0, name)
    lines = {text: float(y) for y, text in re.findall(r'y="([\d.]+)" text-anchor="start">(\w+)<', chart.svg())}
    assert lines["two"] - lines["one"] >= 12
    assert lines["far"] == lines["one"]


def test_names_are_printed_and_not_obeyed() -> None:
    evil = '"><script>alert(1)</script>'
    chart = Chart(evil, name_axis(evil, [evil]), share_axis(evil))
    chart.mark(0, 0.5, 0, evil)
    shown = chart.svg() + legend([evil])
    assert "<script" not in shown
    texts = Page(shown).texts
    assert texts["text"].count(evil) == 4, "both labels, a tick and a mark"
    assert texts["text.title"] == texts["li"] == [evil]
