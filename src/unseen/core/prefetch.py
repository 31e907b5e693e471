"""Work that threads do ahead of its use: pictures are decoded and changed while a network looks at those before."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from unseen.core import environment

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 16
"""More wait for each other, unless `UNSEEN_WORKERS` says so."""


def _cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count() -> int:
    """`UNSEEN_WORKERS`, else one for each processor core that this process may use."""
    return environment.workers() or _cores()


def thread_count() -> int:
    """Threads of this process that prepare pictures: its share, where `torchrun` started several."""
    if asked := environment.workers():
        return asked
    return max(1, min(_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), MOST_THREADS))


def _idle() -> bool:
    """Whether a core has time while a network works. Where the network's threads take them all, whoever prepares a
    picture holds up every thread of a convolution, which costs more than to wait."""
    import torch  # here: the stage of faces asks for nothing but the number of workers

    from unseen.core.runtime import device

    return device().type != "cpu" or torch.get_num_threads() < _cores()


def prefetch(items: Iterable[T], work: Callable[[T, Executor], R]) -> Iterator[R]:
    """What `work` makes of each item, in order. Other threads make the next one while the caller uses one, if there
    are cores to spare.

    A caller that stops early waits for what runs at that moment and for nothing that is queued.

    Args:
        items: are asked for one at a time, perhaps in another thread.
        work: is given an item and threads to share its work out to; what it raises is raised here.
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
