"""The road of one archive's pictures, shared out to processes; outcomes come back in the order of the pictures."""

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from unseen.errors import UserError
from unseen.faces.decode import BadPictureError
from unseen.faces.finder import Finder
from unseen.faces.road import Crop, walk
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.shards import Dropped

CHUNK = 32
"""Pictures that go to a process at once."""

CHUNK_BYTES = 2**24
"""And their bytes at most, over one picture's own."""

AHEAD = 2
"""Chunks that wait for each process."""


@dataclass(frozen=True)
class Job:
    """A picture on its way: its bytes and what is known of it."""

    path: str
    data: bytes
    facts: Facts


Outcome = tuple[Job, Crop] | Dropped


@dataclass
class _Chunk:
    """Consecutive pictures; of those that were dropped before they were looked at, only why."""

    items: list[Job | Dropped] = field(default_factory=list)

    def data(self) -> list[bytes]:
        return [item.data for item in self.items if isinstance(item, Job)]

    def full(self) -> bool:
        return len(self.items) >= CHUNK or sum(map(len, self.data())) >= CHUNK_BYTES


@dataclass(frozen=True)
class Road:
    """What every process needs to walk it."""

    model: bytes
    settings: FaceSettings
    seed: int

    def fingerprint(self) -> str:
        """SHA-256 of the model."""
        return hashlib.sha256(self.model).hexdigest()


_finder: Finder
_road: Road


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _start(road: Road) -> None:
    global _finder, _road
    parent = multiprocessing.parent_process()
    if parent:
        # Ctrl-C is the parent's to act on; and a parent that was killed can't tell its workers to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # One thread a process: the processes are the parallelism, and a result doesn't depend on either.
    _road, _finder = road, Finder(road.model, road.settings.find, threads=1)


def _walk(files: list[bytes]) -> list[Crop | BadPictureError]:
    return walk(files, _finder, _road.settings, _road.seed, "found")


def worker_count() -> int:
    """`UNSEEN_WORKERS`, else one for each processor core that this process may use."""
    wanted = os.environ.get("UNSEEN_WORKERS")
    if wanted and not (wanted.isdecimal() and int(wanted)):
        raise UserError(f"UNSEEN_WORKERS is {wanted!r}; give a whole number of processes, 1 or more")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(wanted or usable)


def _chunks(items: Iterable[Job | Dropped]) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for item in items:
        chunk.items.append(item)
        if chunk.full():
            yield chunk
            chunk = _Chunk()
    if chunk.items:
        yield chunk


def _pool(road: Road, workers: int) -> ProcessPoolExecutor:
    # Not forked: the runtime of the face finder has threads, and a fork of threads can hang.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (road,))


def _send(pool: ProcessPoolExecutor, chunk: _Chunk) -> Future[Any]:
    try:
        return pool.submit(_walk, chunk.data())
    except BrokenProcessPool as broken:  # an earlier chunk broke it, and that one's turn comes first
        future: Future[Any] = Future()
        future.set_exception(broken)
        return future


def _one_by_one(chunk: _Chunk, road: Road) -> Iterator[Outcome]:
    """A chunk whose pool broke, each picture alone in a process: one that ends it is counted, the rest kept."""
    pool = _pool(road, 1)
    try:
        for item in chunk.items:
            if isinstance(item, Dropped):
                yield item
                continue
            try:
                (crop,) = pool.submit(_walk, [item.data]).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(road, 1)
                yield Dropped(item.path, "crashed", "the process that read it died")
            else:
                yield _outcome(item, crop)
    finally:
        pool.shutdown()


def _outcome(job: Job, crop: Crop | BadPictureError) -> Outcome:
    return Dropped(job.path, crop.reason, crop.detail) if isinstance(crop, BadPictureError) else (job, crop)


def _outcomes(chunk: _Chunk, crops: Iterable[Crop | BadPictureError]) -> Iterator[Outcome]:
    waiting = iter(crops)
    for item in chunk.items:
        yield item if isinstance(item, Dropped) else _outcome(item, next(waiting))


def crops(items: Iterable[Job | Dropped], road: Road, workers: int) -> Iterator[Outcome]:
    """Walk the road with every picture.

    Args:
        items: pictures, and those already dropped; read lazily, a few chunks ahead of what is returned.
        road: the finder's model and the road's knobs.
        workers: processes; how many changes the speed and nothing else.

    Yields:
        For each item in order: what came of it.
    """
    pool = _pool(road, workers)
    running: deque[tuple[_Chunk, Future[Any]]] = deque()
    try:
        source = _chunks(items)
        while True:
            while len(running) < workers * AHEAD and (chunk := next(source, None)):
                running.append((chunk, _send(pool, chunk)))
            if not running:
                return
            chunk, future = running.popleft()
            try:
                yield from _outcomes(chunk, future.result())
            except BrokenProcessPool:
                # A model that can't be loaded is no picture's fault, and says so here.
                Finder(road.model, road.settings.find)
                pool.shutdown()
                pool = _pool(road, workers)
                yield from _one_by_one(chunk, road)
                again = [waiting for waiting, _ in running]
                running = deque((one, _send(pool, one)) for one in again)
    finally:
        pool.shutdown(cancel_futures=True)
