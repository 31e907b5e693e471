"""One picture at a time, in a thread of its own, so that the server answers other requests meanwhile.

Python cannot end a thread. If a picture takes too long, its thread is left behind and another one takes its place.
When `MOST_LEFT` threads are left behind and still run, nothing is scored until one of them ends.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from unseen.serve.page.limits import RefusedError

MOST_LEFT = 4


class Worker:
    """Calls a function in a thread, one call at a time."""

    def __init__(self, function: Callable[..., Any], seconds: float) -> None:
        """The thread starts with the first call.

        Args:
            function: any exception that it raises is raised by `run`.
            seconds: for the wait for a turn, and for the call, each.
        """
        self._function, self._seconds = function, seconds
        self._turn = asyncio.Lock()
        self._jobs: queue.SimpleQueue[Any] | None = None
        self._thread: threading.Thread | None = None
        self._behind: list[threading.Thread] = []

    @property
    def left(self) -> int:
        """Threads that were left behind and still run."""
        self._behind = [thread for thread in self._behind if thread.is_alive()]
        return len(self._behind)

    @property
    def stuck(self) -> bool:
        """Whether nothing is scored at present, because of threads that were left behind."""
        return self.left >= MOST_LEFT

    async def run(self, *arguments: Any) -> Any:
        """The result of the function.

        Raises:
            RefusedError: 503; the wait or the call took too long.
        """
        retry = {"Retry-After": str(max(1, round(self._seconds)))}
        if self.stuck:
            raise RefusedError(503, "stuck", "earlier pictures have not ended; try again later", retry)
        try:
            await asyncio.wait_for(self._turn.acquire(), self._seconds)
        except TimeoutError:
            detail = f"the wait took longer than {self._seconds:g} s; try again later"
            raise RefusedError(503, "wait_too_long", detail, retry) from None
        try:
            return await asyncio.wait_for(self._started(arguments), self._seconds)
        except TimeoutError:
            self._leave()
            raise RefusedError(503, "too_slow", f"the picture took longer than {self._seconds:g} s") from None
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the thread after its present call. Does not wait for it."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _started(self, arguments: tuple[Any, ...]) -> "asyncio.Future[Any]":
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            # a daemon, so that a call that never ends does not keep the program from ending
            self._thread = threading.Thread(target=_work, args=(self._function, self._jobs), daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._jobs.put((loop, future, arguments))
        return future

    def _leave(self) -> None:
        if self._thread is not None:
            self._behind.append(self._thread)
        self.close()


def _work(function: Callable[..., Any], jobs: "queue.SimpleQueue[Any]") -> None:
    """Do jobs until there is None instead of one."""
    while (job := jobs.get()) is not None:
        loop, future, arguments = job
        found: Any = None
        raised: BaseException | None = None
        try:
            found = function(*arguments)
        except BaseException as error:
            raised = error
        try:
            loop.call_soon_threadsafe(_settle, future, found, raised)
        except RuntimeError:  # the server has ended
            return
        del found, raised, future, arguments, job  # else this picture would stay in memory until the next one


def _settle(future: "asyncio.Future[Any]", found: Any, raised: BaseException | None) -> None:
    """Give a future its result, unless nobody waits for it any more."""
    if future.done():
        return
    if raised is None:
        future.set_result(found)
    else:
        future.set_exception(raised)
