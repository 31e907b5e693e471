"""Prefetching: threads decode and augment pictures while a network works on the previous ones.

This is the only prefetcher for threads of one process. The face detection of archives uses processes
(`unseen.faces.workers`), because a damaged picture can end one.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
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


def _idle() -> bool:
    """Whether a core is idle while a network works.

    If the network's threads use every core, a thread that prepares a picture delays all threads of a convolution.
    That costs more than preparing pictures between steps.
    """
    import torch  # not at the top: the stage `faces` needs only the number of workers

    from unseen.core.runtime import device

    return device().type != "cpu" or torch.get_num_threads() < _cores()


def prefetch(items: Iterable[T], work: Callable[[T, Executor], R]) -> Iterator[R]:
    """Yield `work(item, threads)` for each item, in order.

    Other threads compute the next result while the caller uses one, if a core is idle. A caller that stops early
    waits only for the tasks that are running.

    Args:
        items: are read one at a time, perhaps in another thread.
        work: gets an item and an executor for its parts. Its exceptions are raised here.
    """
    if not _idle():
        with ThreadPoolExecutor(thread_count()) as pool:
            for item in items:
                yield work(item, pool)
        return

    rest = iter(items)

    def following() -> list[R]:
        return [work(item, pool) for _, item in zip(range(1), rest, strict=False)]

    with ThreadPoolExecutor(thread_count()) as pool, ThreadPoolExecutor(1) as maker:
        try:
            waiting = maker.submit(following)
            while found := waiting.result():
                waiting = maker.submit(following)
                yield found[0]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
