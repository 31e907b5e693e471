"""Progress bars with rates; only a summary line if the output is not a terminal."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T], title: str, unit: str, total: int | None = None, first: int = 0, each: int = 1
) -> Iterator[T]:
    """Yield items and show a bar, the rate and the time left; in CI and in logs only one line at the end.

    Args:
        items: the items to yield.
        title: name of the work.
        unit: name of a unit, such as `picture`.
        total: number of units, if known.
        first: units that an earlier run has done.
        each: units per item.
    """
    live = sys.stderr.isatty() and not os.environ.get("CI")
    start, count = time.monotonic(), 0
    with tqdm(total=total, initial=first, desc=title, unit=unit, disable=not live) as bar:
        for item in items:
            yield item
            count += each
            bar.update(each)
    seconds = time.monotonic() - start
    print(f"{title}: {count} x {unit} in {seconds:.1f} s, {count / max(seconds, 1e-9):.1f}/s", file=sys.stderr)
