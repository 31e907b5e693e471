"""Tables of a page, and the formats of numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unseen.evaluation.wording import between, over_seeds

Found = Mapping[str, Any]
"""What is known of a number: `low` and `high`, the ends of its 95 % interval, and `seeds`, the value of each training
seed. Each may be missing."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: main text.
        note: smaller text below, such as an interval or n.
        sort: sort key of the cell; None: its text.
        kind: CSS class: `good`, `bad`, `unseen` (framed), `words` (aligned left), or empty.
        href: file with the data of the row, relative to the page; only for the first cell of a row.
        heat: tint of the cell, from 0 (none) to 1.
        mark: tooltip of the †; empty: no †.
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
    """Head of a column: `words` aligns it left, `note` is smaller text below."""

    text: str
    note: str = ""
    words: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: title with units.
        heads: of the columns; the first column names the rows.
        rows: of cells, as many as heads.
        files: files with the data, relative to the page.
        foot: rows that sorting keeps last.
    """

    caption: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    files: Sequence[str] = ()
    foot: Sequence[Sequence[Cell]] = ()


NONE = Cell("n/a")
"""Cell of a value that was not measured."""


def heads(*texts: str) -> list[Head]:
    """Return heads without notes."""
    return [Head(text) for text in texts]


def percent(value: float) -> str:
    """Format a share in percent."""
    return f"{value:.1%}"


def spread(value: float, found: Found, write: Callable[[float], str]) -> str:
    """Format the range over training seeds and the 95 % interval, a line each; the interval alone for one seed."""
    seeds = over_seeds(found.get("seeds", {}), write)
    interval = between(value, found, write) if "low" in found else ""
    if not seeds:
        return interval
    return f"seeds {seeds}" + (f"\n95 % {interval}" if interval else "")


def thousand(value: float) -> str:
    """Format a share as a number of 1,000."""
    return f"{value * 1000:.0f}"


def around(found: Found) -> str:
    """Format the range and the interval of `share`."""
    return spread(found["share"], found, percent)


def around_n(found: Found) -> str:
    """Format the range and the interval of `share`, and n, which has a line of its own below several lines."""
    text = around(found)
    return text + ("\n" if "\n" in text else ", ") + f"n {found['n']}"


def share_cell(found: Found | None, n: bool = False) -> Cell:
    """Return a cell with a share, its range and interval and, with `n`, its n."""
    if found is None:
        return NONE
    return Cell(percent(found["share"]), around_n(found) if n else around(found), found["share"])


def plain_share(value: float, found: Found | None = None) -> Cell:
    """Return a cell with a share, and its range and interval."""
    return Cell(percent(value), spread(value, found or {}, percent), value)


def number_cell(value: float | None, found: Found | None = None, digits: int = 3) -> Cell:
    """Return a cell with a number, and its range and interval."""
    if value is None or math.isnan(value):
        return NONE
    write = f"{{:.{digits}f}}".format
    return Cell(write(value), spread(value, found or {}, write), value)


def valued(found: Found, digits: int = 3) -> Cell:
    """Return a cell with `value`, and its range and interval."""
    return number_cell(found["value"], found, digits)


def mean_count(value: float) -> str:
    """Format a count; a mean over training seeds has one decimal."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def count_cell(value: float | None, found: Found | None = None) -> Cell:
    """Return a cell with a count and its range."""
    return NONE if value is None else Cell(mean_count(value), spread(value, found or {}, mean_count), value)


def text_cell(text: str, mark: str = "") -> Cell:
    """Return a cell with text, aligned left."""
    return Cell(text, kind="words", mark=mark)


def speed(value: float) -> str:
    """Format a number with three significant digits, or as an integer from 100."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Format seconds as seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def of_file(name: str, folder: str, ending: str = ".json") -> str:
    """Return the path of an item's file; empty if the page has no files."""
    return f"{folder}/{name}{ending}" if folder else ""
