"""Progress bars with rates, quiet where nobody looks."""

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
    """Pass items on with a bar, a rate and the time left; in CI and in logs only one line at the end.

    Args:
        items: what is passed on.
        title: what is being done.
        unit: what one item is.
        total: how many there will be, where that is known.
        first: how many were done in an earlier run.
        each: units that one item counts for.
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
