"""Charts of the report: SVG elements, drawn by matplotlib, that use the colours of the page.

A series has a colour, a dash and a marker. The three cycles differ in length, so series can be told apart without
colour. The colours are the custom properties of style.css, which has a light and a dark value for each.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from unseen.report.svg import element

COLORS = 8
DASHES: tuple[Any, ...] = ("-", (0, (8, 3)), (0, (2, 3)), (0, (8, 3, 2, 3)), (0, (4, 2)))
MARKERS = ("o", "s", "^", "D")

INK, SOFT, LINE, PAPER, BAR = "#000001", "#000002", "#000003", "#000004", "#000005"
VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", PAPER: "bg", BAR: "c0"}
"""Placeholder colours that matplotlib writes, and the custom properties that replace them."""
VARIABLES |= {f"#0001{number:02x}": f"c{number}" for number in range(COLORS)}

LEFT, RIGHT, TOP, BOTTOM = 50, 18, 24, 38
"""Margins around the axes, in pixels."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unseen",
    "text.parse_math": False,  # a detector's name may contain $
    "font.family": "DejaVu Sans",  # part of matplotlib, so sizes do not depend on the machine
    "font.size": 10.5,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.major.pad": 6,
    "ytick.major.pad": 5,
    "axes.titlepad": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "patch.linewidth": 0,
}


@contextmanager
def _styled() -> Iterator[None]:
    """Apply STYLE, regardless of the user's matplotlibrc."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that DejaVu lacks; the browser has other fonts
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def color(series: int) -> str:
    """Return the placeholder for the colour of a series."""
    return f"#0001{series % COLORS:02x}"


def look(series: int) -> dict[str, Any]:
    """Return the colour, dash and marker of a series, as arguments of `Axes.plot` and `Axes.step`."""
    return {
        "color": color(series),
        "linestyle": DASHES[series % len(DASHES)],
        "marker": MARKERS[series % len(MARKERS)],
    }


def width(lines: int) -> dict[str, Any]:
    """Return the width of a series' lines and markers: thin if it has several lines, one for each training seed."""
    return {"linewidth": 1, "markersize": 3} if lines > 1 else {}


def chart(
    title: str, draw: Callable[[Axes], None], width: int = 300, height: int = 240, left: int = LEFT, top: int = TOP
) -> Markup:
    """Draw a chart as an SVG element. Equal arguments give equal bytes.

    Args:
        title: printed above the axes. The description for screen readers is the title and the axis labels.
        draw: plots on the given axes.
        width: in pixels; a narrower page scales the chart down.
        height: in pixels.
        left: margin for the labels of the y axis, in pixels.
        top: margin for the title, in pixels.
    """
    with _styled():
        figure = Figure(figsize=(width / 72, height / 72))
        box = left / width, BOTTOM / height, (width - left - RIGHT) / width, (height - top - BOTTOM) / height
        axes = figure.add_axes(box)
        axes.set_title(title)
        draw(axes)
        x, y = axes.get_xlabel(), axes.get_ylabel()
        return _element(figure, f"{title}: {y} over {x}" if y else f"{title}: {x}" if x else title)


def legend(names: Sequence[str]) -> Markup:
    """Return a legend of series: the line, marker and name of each, in the order of their numbers."""
    return _legend(names, look)


def line_legend(names: Sequence[str]) -> Markup:
    """Return a legend of dashes, for charts whose colours are detectors: names in the order of `DASHES`."""
    return _legend(names, lambda number: {"color": INK, "linestyle": DASHES[number]})


def _legend(names: Sequence[str], look: Callable[[int], dict[str, Any]]) -> Markup:
    items = [Markup("<li>{} {}</li>").format(_swatch(look(n)), escape(name)) for n, name in enumerate(names)]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def _swatch(look: dict[str, Any]) -> Markup:
    with _styled():
        figure = Figure(figsize=(34 / 72, 10 / 72))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, 34), ylim=(0, 10))
        axes.plot([1, 33], [5, 5], **{**look, "marker": ""})
        axes.plot([17], [5], **{**look, "linestyle": ""})
        return _element(figure, "")


def share_axis(axis: Any, low: float = 0.0) -> None:
    """Scale an axis from `low` to 1, in percent."""
    count = 5 if low < 0.3 else 6
    ticks = [n / 4 for n in range(5)] if low < 0.3 else [low + n * (1 - low) / 5 for n in range(count)]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if tick >= low]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    _limit(axis, low, 1.0)


def number_axis(axis: Any, low: float, high: float) -> None:
    """Scale an axis from `low` to `high` with at most six round ticks."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value + 0.0:,.6g}"))
    _limit(axis, low, high if high > low else low + 1)


def log_axis(axis: Any, values: Sequence[float]) -> None:
    """Scale an axis logarithmically around positive values.

    Ticks are at 1, 2 and 5 times each power of ten, or at even steps if fewer than three of those are in range.
    """
    low, high = min(values) / 1.5, max(values) * 1.5
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    subs = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    ticks = [tick for tick in LogLocator(subs=subs, numticks=99).tick_values(low, high) if low <= tick <= high]
    even = [tick for tick in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks if len(ticks) > 2 else even))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    _limit(axis, low, high)


def name_axis(axis: Any, names: Sequence[str]) -> None:
    """Scale an axis for names, at 0, 1, 2 and so on."""
    axis.set_major_locator(FixedLocator(range(len(names))))
    axis.set_major_formatter(FuncFormatter(lambda place, _: names[round(place)]))
    _limit(axis, -0.3, max(len(names) - 0.7, 0.3))


def _limit(axis: Any, low: float, high: float) -> None:
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})


def annotate(axes: Axes, x: float, y: float, text: str) -> None:
    """Write text beside a point, on the side with more room, and lower if it would overlap earlier texts."""
    across, up = axes.transLimits.transform(axes.transScale.transform((x, y)))
    right, first = across > 0.6, -4 if up > 0.03 else 4  # keeps off the x axis
    earlier = [one.get_window_extent() for one in axes.texts]
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "right" if right else "left"}
    for down in range(0, 200, 3):
        note = axes.annotate(text, (x, y), (-7 if right else 7, first - down), **where)
        if not any(note.get_window_extent().overlaps(one) for one in earlier):
            return
        note.remove()


def _element(figure: Figure, label: str) -> Markup:
    """Return a figure as an `svg` element with the page's colours and fonts, and with unique ids."""
    for artist in figure.findobj():
        artist.set_clip_on(False)  # shows markers on the edge in full
    figure.patch.set_visible(False)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return element(file.getvalue(), label, VARIABLES)
