"""Charts as SVG elements that take their colours from the page, so that they are right in the dark and on paper.

A series has a colour, a dash and a shape of its marks: colour is never all that tells it from the others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

DASHES = ("", "8 3", "2 3", "8 3 2 3", "4 2")
"""Five dashes and eight colours (of style.css) repeat after forty series."""
COLORS = 8
SHAPES = (
    "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0Z",
    "M-3 -3H3V3H-3Z",
    "M0 -4L4 3H-4Z",
    "M0 -4.3L4.3 0L0 4.3L-4.3 0Z",
)

LEFT, RIGHT, TOP, BOTTOM = 50, 18, 24, 38
"""Pixels around the axes."""

LETTER = 6.0
"""Pixels that a letter takes at most, on the average."""


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        label: what it shows, with its unit.
        low: where it begins.
        high: where it ends.
        ticks: places and what is written there.
        log: distances are ratios; `low` is above 0 then.
    """

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`; beyond either it stays at the edge."""
        low, high, value = (math.log10(x) if self.log else x for x in (self.low, self.high, max(value, 1e-300)))
        return min(1.0, max(0.0, (value - low) / (high - low)))


def share_axis(label: str, low: float = 0.0) -> Axis:
    """From `low` to 1, in percent."""
    ticks = [n / 4 for n in range(5)] if low < 0.3 else [low + n * (1 - low) / 5 for n in range(6)]
    return Axis(label, low, 1.0, tuple((tick, f"{tick:.0%}") for tick in ticks if tick >= low))


def number_axis(label: str, low: float, high: float) -> Axis:
    """From `low` to `high` with at most six round ticks."""
    high = high if high > low else low + 1
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(label, low, high, tuple((n * step, f"{n * step + 0.0:,.6g}") for n in range(first, last + 1)))


def log_axis(label: str, values: Sequence[float]) -> Axis:
    """Around positive values, with ticks at 1, 2 and 5 of each power of ten; at even steps where those are few."""
    low, high = min(values) / 1.5, max(values) * 1.5
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) < 5 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    texts = tuple((tick, f"{tick:,.6g}") for tick in ticks)
    return Axis(label, low, high, texts if len(ticks) > 2 else number_axis(label, low, high).ticks, log=True)


def name_axis(label: str, names: Sequence[str]) -> Axis:
    """Names side by side, the first at 0, the next at 1."""
    return Axis(label, -0.3, max(len(names) - 0.7, 0.3), tuple(enumerate(names)))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class Chart:
    """A pair of axes to draw on."""

    def __init__(self, title: str, x: Axis, y: Axis, width: int = 300, height: int = 240, left: int = LEFT) -> None:
        self._title, self._x, self._y = title, x, y
        self._size, self._left = (width, height), left
        self._parts: list[Markup] = []
        self._words: list[tuple[float, float, float]] = []  # line, left and right end, in pixels

    def _at(self, x: float, y: float) -> tuple[str, str]:
        width, height = self._size
        across = self._left + self._x.place(x) * (width - self._left - RIGHT)
        return _number(across), _number(height - BOTTOM - self._y.place(y) * (height - TOP - BOTTOM))

    def _path(self, xs: Sequence[float], ys: Sequence[float], steps: bool) -> str:
        """Points that fall on the one before are left out: a curve of 100,000 faces is as long as it is wide."""
        path, last = "", ("", "")
        for point in (self._at(x, y) for x, y in zip(xs, ys, strict=True)):
            if point != last:
                corner = f"H{point[0]}V{point[1]}" if steps else f"L{point[0]} {point[1]}"
                path += corner if path else f"M{point[0]} {point[1]}"
                last = point
        return path

    def line(
        self, xs: Sequence[float], ys: Sequence[float], series: int, steps: bool = False, marks: bool = False
    ) -> None:
        """A curve through points; `steps` goes across first and then up."""
        self._parts.append(
            Markup('<path class="line s{}" stroke-dasharray="{}" d="{}"/>').format(
                series % COLORS, DASHES[series % len(DASHES)], self._path(xs, ys, steps)
            )
        )
        if marks:
            for x, y in zip(xs, ys, strict=True):
                self.mark(x, y, series)

    def mark(self, x: float, y: float, series: int, says: str = "", hollow: bool = False) -> None:
        """A point, and what it says: beside it, or as far below as there are words in the way."""
        across, up = self._at(x, y)
        self._parts.append(
            Markup('<path class="mark s{}{}" transform="translate({} {})" d="{}"/>').format(
                series % COLORS, " hollow" if hollow else "", across, up, SHAPES[series % len(SHAPES)]
            )
        )
        if says:
            end = self._x.place(x) > 0.6
            left = float(across) - (LETTER * len(says) + 7 if end else -7)
            line = float(up) + 3.5
            while any(
                abs(line - at) < 12 and left < right and start < left + LETTER * len(says)
                for at, start, right in self._words
            ):
                line += 4
            self._words.append((line, left, left + LETTER * len(says)))
            place = float(across) + (-7 if end else 7), line, "end" if end else "start"
            self._parts.append(Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(*place, says))

    def bar(self, left: float, right: float, low: float, high: float) -> None:
        """A filled box from one pair of values to another."""
        (x0, y0), (x1, y1) = self._at(left, high), self._at(right, low)
        size = _number(float(x1) - float(x0)), _number(float(y1) - float(y0))
        self._parts.append(Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(x0, y0, *size))

    def rule(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """A thin line that is no series: chance, a limit, an interval."""
        self._parts.append(Markup('<path class="rule" d="{}"/>').format(self._path(xs, ys, False)))

    def svg(self) -> Markup:
        """The chart as an element, the same bytes for the same calls."""
        width, height = self._size
        bottom, right = height - BOTTOM, width - RIGHT
        frame = [Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(self._left, TOP, bottom, right)]
        for value, text in self._x.ticks:
            across, _ = self._at(value, self._y.low)
            frame.append(Markup('<path class="grid" d="M{} {}V{}"/>').format(across, TOP, bottom))
            frame.append(
                Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(across, bottom + 14, text)
            )
        for value, text in self._y.ticks:
            _, up = self._at(self._x.low, value)
            frame.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(self._left, up, right))
            frame.append(
                Markup('<text x="{}" y="{}" dy="3.5" text-anchor="end">{}</text>').format(self._left - 5, up, text)
            )
        middle = (self._left + right) // 2
        words = Markup(
            '<text class="title" x="{}" y="14">{}</text><text x="{}" y="{}" text-anchor="middle">{}</text>'
            '<text transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format(self._left, self._title, middle, height - 6, self._x.label, (TOP + bottom) // 2, self._y.label)
        says = f"{self._title}: {self._y.label} over {self._x.label}" if self._y.label else self._title
        return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}</svg>').format(
            says, width, height, width, height, Markup("").join([*frame, *self._parts, words])
        )


def legend(names: Sequence[str]) -> Markup:
    """Which series is which: names in the order of their numbers."""
    items = [
        Markup(
            '<li><svg aria-hidden="true" viewBox="0 0 34 10" width="34" height="10"><path class="line s{}" '
            'stroke-dasharray="{}" d="M1 5H33"/><path class="mark s{}" transform="translate(17 5)" d="{}"/></svg>'
            " {}</li>"
        ).format(n % COLORS, DASHES[n % len(DASHES)], n % COLORS, SHAPES[n % len(SHAPES)], escape(name))
        for n, name in enumerate(names)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
