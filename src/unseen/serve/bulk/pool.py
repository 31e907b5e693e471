"""The scheduler. It sends batches to workers, replaces workers that die or take too long, and finds the picture at
fault.

Workers are Ray actors with one call at a time. Ray Data is not used, because it has no time limit for a call, and its
pool may hang after an actor has died (ray-project/ray#62746).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unseen.core.errors import UserError
from unseen.serve.bulk.batches import Batch
from unseen.serve.bulk.readers import Chunk
from unseen.serve.bulk.rows import unscored

if TYPE_CHECKING:
    import pyarrow as pa

FAILED, WORKER_DIED, TIMED_OUT = "failed", "worker_died", "timed_out"
"""Reasons why no worker could score a picture: an exception, a dead process, the time limit."""


@dataclass(frozen=True)
class Limits:
    """Limits after which the pool gives up.

    Attributes:
        call_s: time limit in seconds for a batch, and for a picture that is retried alone.
        start_s: time limit in seconds until the first worker is ready.
        deaths: number of workers in a row that may die or take too long without a scored batch in between.
    """

    call_s: float = 300.0
    start_s: float = 600.0
    deaths: int = 100


@dataclass
class _Task:
    chunk: "_Open"
    place: tuple[int, int]
    """Position of the batch in the chunk, and of the picture in the batch."""
    batch: Batch
    again: bool = False


@dataclass
class _Open:
    """A chunk with batches that are not scored yet."""

    chunk: Chunk
    waiting: deque[_Task] = field(default_factory=deque)
    found: dict[tuple[int, int], "pa.Table"] = field(default_factory=dict)
    left: int = 0

    def table(self) -> "pa.Table":
        import pyarrow as pa

        return pa.concat_tables([self.found[place] for place in sorted(self.found)]).combine_chunks()


@dataclass
class _Worker:
    actor: Any
    chunk: _Open | None = None


@dataclass
class _Call:
    worker: _Worker
    task: _Task | None
    """None while the worker starts."""
    started: float


class Pool:
    """The workers and their current calls."""

    def __init__(self, make: Callable[[], Any], workers: int, limits: Limits) -> None:
        """`make` starts an actor of `Scorer` and returns immediately."""
        self._make, self._limits = make, limits
        self._calls: dict[Any, _Call] = {}
        self._open: list[_Open] = []
        self._urgent: deque[_Task] = deque()
        self._deaths, self._last_answer = 0, time.monotonic()
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        actor = self._make()
        self._calls[actor.ready.remote()] = _Call(_Worker(actor), None, time.monotonic())

    def score(self, chunks: Iterator[Chunk]) -> "Iterator[tuple[Chunk, pa.Table]]":
        """Yield each chunk with its rows as soon as it is complete.

        Raises:
            UserError: no worker starts, too many die in a row, or a logit is not finite.
        """
        import ray

        idle: list[_Worker] = []
        try:
            while True:
                while idle and (task := self._next(idle[-1], chunks)):
                    worker = idle.pop()
                    self._calls[worker.actor.score.remote(task.batch)] = _Call(worker, task, time.monotonic())
                if idle and not self._open:
                    return
                done, _ = ray.wait(list(self._calls), num_returns=1, timeout=self._patience())
                for reference in done:
                    call = self._calls.pop(reference)
                    if self._settle(call, reference):
                        idle.append(call.worker)
                self._expire()
                for one in [one for one in self._open if not one.left]:
                    self._open.remove(one)
                    yield one.chunk, one.table()
        finally:
            for worker in (*idle, *(call.worker for call in self._calls.values())):
                ray.kill(worker.actor)

    def _next(self, worker: _Worker, chunks: Iterator[Chunk]) -> _Task | None:
        """Choose the next batch for a worker: a failed batch, then one of its own chunk, of a new chunk, of any other
        chunk.

        A worker stays with its chunk because it caches the Parquet row group.
        """
        if self._urgent:
            return self._urgent.popleft()
        if not (worker.chunk and worker.chunk.waiting) and (chunk := next(chunks, None)):
            worker.chunk = _Open(chunk, left=len(chunk.batches))
            tasks = (_Task(worker.chunk, (place, 0), batch) for place, batch in enumerate(chunk.batches))
            worker.chunk.waiting.extend(tasks)
            self._open.append(worker.chunk)
        for one in (worker.chunk, *self._open):
            if one and one.waiting:
                return one.waiting.popleft()
        return None

    def _patience(self) -> float:
        """Seconds to wait for a result; at most one, so that signals are handled soon."""
        now = time.monotonic()
        return max(0.01, min([1.0, *(c.started + self._limits.call_s - now for c in self._calls.values() if c.task)]))

    def _settle(self, call: _Call, reference: Any) -> bool:
        """Handle the result of a call. Return whether the worker is alive."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            found = ray.get(reference, timeout=self._limits.call_s)  # the rows may be on another node
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(str(error.cause)) from None
            if call.task:
                self._failed(call.task, FAILED, f"{type(error.cause).__name__}: {error.cause}")
            return True
        except RayError as error:
            if call.task is None and "in its creation task" in str(error):  # Ray gives no cause here
                raise UserError(f"a worker could not start: {str(error).strip().splitlines()[-1]}") from None
            self._lost(call, WORKER_DIED, "the worker died in both attempts with this picture alone")
            return False
        self._last_answer, self._deaths = time.monotonic(), self._deaths if call.task is None else 0
        if call.task:
            self._store(call.task, found)
        return True

    def _expire(self) -> None:
        """End the workers whose call takes too long.

        Raises:
            UserError: no worker is ready within the limit.
        """
        now = time.monotonic()
        for reference, call in list(self._calls.items()):
            if call.task and now - call.started > self._limits.call_s:
                del self._calls[reference]
                self._lost(call, TIMED_OUT, f"took more than {self._limits.call_s:g} s in both attempts")
        working = any(call.task for call in self._calls.values())
        if self._calls and not working and now - self._last_answer > self._limits.start_s:
            raise UserError(
                f"no worker was ready after {self._limits.start_s:g} s: give fewer --workers than there are CPUs and "
                "GPUs, or read Ray's logs"
            )

    def _lost(self, call: _Call, reason: str, detail: str) -> None:
        """End a worker, start another one, and requeue its batch or store the failure.

        Raises:
            UserError: too many workers died in a row.
        """
        import ray

        ray.kill(call.worker.actor)
        self._deaths, self._last_answer = self._deaths + 1, time.monotonic()
        if self._deaths >= self._limits.deaths:
            raise UserError(
                f"{self._deaths} workers in a row died or took longer than {self._limits.call_s:g} s; give "
                "fewer --workers if memory is short, or a larger --time-limit; run the same command again to resume"
            )
        self._start()
        if call.task:
            self._failed(call.task, reason, detail)

    def _failed(self, task: _Task, reason: str, detail: str) -> None:
        """Retry the pictures of a batch one by one, and twice if their worker dies; then store the reason."""
        if len(task.batch) > 1:
            singles = task.batch.singles()
            task.chunk.left += len(singles) - 1
            self._urgent.extend(_Task(task.chunk, (task.place[0], place), one) for place, one in enumerate(singles))
        elif reason != FAILED and not task.again:  # the cause may be a busy machine or a lost node
            self._urgent.append(_Task(task.chunk, task.place, task.batch, again=True))
        else:
            try:
                name = task.batch.ids()[0]
            except (OSError, ValueError):  # the column of ids is damaged
                name = str(task.batch)
            self._store(task, unscored(name, reason, " ".join(detail.split())[:200]))

    def _store(self, task: _Task, found: "pa.Table") -> None:
        task.chunk.found[task.place] = found
        task.chunk.left -= 1
