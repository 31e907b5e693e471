"""Tables of a page: cells with what is sorted by and what stands below, and how numbers are written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unseen.evaluation.wording import between

Interval = Mapping[str, float]


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        note: smaller, below: an interval, an n.
        sort: the number that the column is sorted by; None: its text.
        kind: `good`, `bad`, `words` (set to the left), or nothing.
        href: the file that the row is from, relative to the page; only of a row's first cell.
        heat: from 0 (nothing to see) to 1, how strongly the cell is tinted; a number stands in it anyway.
        mark: what the † of the cell says.
    """

    text: str
    note: str = ""
    sort: float | None = None
    kind: str = ""
    href: str = ""
    heat: float | None = None
    mark: str = ""


@dataclass(frozen=True)
class Head:
    """The head of a column; `words` is set to the left, `note` is smaller, below."""

    text: str
    note: str = ""
    words: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows, with its units.
        heads: of its columns; the first column names the rows.
        rows: of cells, as many as there are heads.
        files: where its numbers are from, relative to the page.
        foot: rows that stay last however the others are sorted.
    """

    caption: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    files: Sequence[str] = ()
    foot: Sequence[Sequence[Cell]] = ()


NONE = Cell("n/a")
"""Was not measured."""


def heads(*texts: str) -> list[Head]:
    """Heads without notes."""
    return [Head(text) for text in texts]


def percent(value: float) -> str:
    """A share in percent."""
    return f"{value:.1%}"


def around(found: Interval) -> str:
    """The interval of a share that stands in it."""
    return between(found["share"], found, percent)


def share_cell(found: Mapping[str, float] | None, kind: str = "", n: bool = False) -> Cell:
    """A share with its interval, and of how many it is."""
    if found is None:
        return NONE
    note = around(found) + (f", n {found['n']}" if n else "")
    return Cell(percent(found["share"]), note, found["share"], kind)


def plain_share(value: float, interval: Interval | None = None) -> Cell:
    """A share that is one number, with the interval that stands elsewhere."""
    return Cell(percent(value), between(value, interval, percent) if interval else "", value)


def number_cell(value: float | None, interval: Interval | None = None, digits: int = 3) -> Cell:
    """A number with its interval."""
    if value is None or math.isnan(value):
        return NONE
    write = f"{{:.{digits}f}}".format
    return Cell(write(value), between(value, interval, write) if interval else "", value)


def valued(found: Mapping[str, float], digits: int = 3) -> Cell:
    """A number that holds its interval."""
    return number_cell(found["value"], found, digits)


def count_cell(value: int | None) -> Cell:
    """A whole number."""
    return NONE if value is None else Cell(f"{value:,}", sort=value)


def text_cell(text: str, mark: str = "") -> Cell:
    """Text, set to the left."""
    return Cell(text, kind="words", mark=mark)


def speed(value: float) -> str:
    """A number for people: three digits that count, whole above 100."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would say."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def of_file(name: str, folder: str, ending: str = ".json") -> str:
    """The address of an item's file, or nothing where the page has no files beside it."""
    return f"{folder}/{name}{ending}" if folder else ""
