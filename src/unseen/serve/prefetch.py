"""Prefetching for all backends. `unseen.core.prefetch` needs PyTorch, which not every backend has."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from unseen.core.prefetch import thread_count

T = TypeVar("T")
R = TypeVar("R")


def prefetch(items: Iterable[T], work: Callable[[T, Executor], R], idle: bool) -> Iterator[R]:
    """Yield `work(item, threads)` for each item, in order; see `unseen.core.prefetch.prefetch`.

    Args:
        items: read one at a time, possibly in another thread.
        work: called with an item and an executor for parts of the work. Its exceptions are raised here.
        idle: whether other threads compute the next result while the caller uses one.
    """
    rest = iter(items)
    with ThreadPoolExecutor(thread_count()) as pool, ThreadPoolExecutor(1) as maker:

        def following() -> list[R]:
            return [work(item, pool) for item in islice(rest, 1)]

        try:
            waiting = maker.submit(following) if idle else None
            while found := waiting.result() if waiting else following():
                waiting = maker.submit(following) if idle else None
                yield found[0]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def core_is_idle(threads: int) -> bool:
    """Whether a core stays idle while a network uses this number of CPU threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads < cores
