"""Prefetching: threads decode and augment pictures while a network works on the previous ones.

This is the only prefetcher for threads of one process. The face detection of archives uses processes
(`unseen.faces.workers`), because a damaged picture can end one.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from unseen.core import environment

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 16
"""More threads wait for each other. `UNSEEN_WORKERS` overrides this."""


def _cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count() -> int:
    """Value of `UNSEEN_WORKERS`, or the number of processor cores that this process may use."""
    return environment.workers() or _cores()


def thread_count() -> int:
    """Number of threads of this process that prepare pictures. Processes that `torchrun` started share the cores."""
    if asked := environment.workers():
        return asked
    return max(1, min(_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), MOST_THREADS))


def core_is_idle(threads: int) -> bool:
    """Whether a core is idle while a network uses this number of CPU threads.

    If the network's threads use every core, a thread that prepares a picture delays all threads of a convolution.
    That costs more than preparing pictures between steps. `unseen.core.runtime.has_idle_core` asks PyTorch.
    """
    return threads < _cores()


def prefetch(items: Iterable[T], work: Callable[[T, Executor], R], idle: bool) -> Iterator[R]:
    """Yield `work(item, threads)` for each item, in order. A caller that stops early waits only for running tasks.

    Args:
        items: read one at a time, possibly in another thread.
        work: called with an item and an executor for parts of the work. Its exceptions are raised here.
        idle: whether other threads compute the next result while the caller uses one; see `core_is_idle`.
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
