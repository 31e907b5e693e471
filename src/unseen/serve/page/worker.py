"""Score one picture at a time in a separate thread, so that the server can respond to other requests.

Python cannot end a thread. If a picture takes too long, its thread is abandoned and replaced. While `MOST_LEFT`
abandoned threads are still running, no picture is scored.
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
        """Create the worker. The thread starts with the first call.

        Args:
            function: the function to call. `run` raises its exceptions.
            seconds: time limit for the wait, and for the call, each.
        """
        self._function, self._seconds = function, seconds
        self._turn = asyncio.Lock()
        self._jobs: queue.SimpleQueue[Any] | None = None
        self._thread: threading.Thread | None = None
        self._behind: list[threading.Thread] = []

    @property
    def left(self) -> int:
        """Number of abandoned threads that are still running."""
        self._behind = [thread for thread in self._behind if thread.is_alive()]
        return len(self._behind)

    @property
    def stuck(self) -> bool:
        """Whether no picture is scored at present because of abandoned threads."""
        return self.left >= MOST_LEFT

    async def run(self, *arguments: Any) -> Any:
        """Call the function and return its result.

        Raises:
            RefusedError: 503; the wait or the call took too long.
        """
        retry = {"Retry-After": str(max(1, round(self._seconds)))}
        if self.stuck:
            raise RefusedError(503, "stuck", "earlier pictures are still being scored; try again later", retry)
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
        """End the thread after its current call, without waiting for it."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _started(self, arguments: tuple[Any, ...]) -> "asyncio.Future[Any]":
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            # a daemon thread, so that a call that never ends does not block the exit of the program
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
    """Run jobs until the queue yields None."""
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
        except RuntimeError:  # the event loop is closed
            return
        del found, raised, future, arguments, job  # otherwise this picture would stay in memory until the next one


def _settle(future: "asyncio.Future[Any]", found: Any, raised: BaseException | None) -> None:
    """Set the result of a future, unless it is already done."""
    if future.done():
        return
    if raised is None:
        future.set_result(found)
    else:
        future.set_exception(raised)
