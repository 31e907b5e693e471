"""Progress bars with rates; lines of text if the output is not a terminal."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

QUIET_S = 30.0
"""Seconds between two lines where there is no bar."""


def progress(
    items: Iterable[T], title: str, unit: str, total: int | None = None, first: int = 0, each: int = 1
) -> Iterator[T]:
    """Yield items and show a bar, the rate and the time left; in CI and in logs a line every 30 s and at the end.

    Args:
        items: the items to yield.
        title: name of the work.
        unit: name of a unit, such as `picture`.
        total: number of units, if known.
        first: units that an earlier run has done.
        each: units per item.
    """
    live = sys.stderr.isatty() and not os.environ.get("CI")
    start = printed = time.monotonic()
    count = 0
    with tqdm(total=total, initial=first, desc=title, unit=unit, disable=not live) as bar:
        for item in items:
            yield item
            count += each
            bar.update(each)
            if not live and (now := time.monotonic()) - printed >= QUIET_S:
                printed = now
                of = "" if total is None else f" of {total}"
                print(f"{title}: {first + count}{of} x {unit}, {count / (now - start):.1f}/s", file=sys.stderr)
    seconds = time.monotonic() - start
    print(f"{title}: {count} x {unit} in {seconds:.1f} s, {count / max(seconds, 1e-9):.1f}/s", file=sys.stderr)
