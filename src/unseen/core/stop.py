"""Requests to stop: signals and the time limit `UNSEEN_STOP_AFTER`."""

import os
import signal
import threading
import time
from typing import Any

from unseen.core import environment
from unseen.core.errors import StoppedError

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of the signal."""


class Stop:
    """A request to stop: SIGTERM (preemption), SIGINT (Ctrl-C), or the time limit `UNSEEN_STOP_AFTER`.

    Within `with`, a request only sets `asked`. The training loop checks it, writes a checkpoint and raises `error`. A
    second Ctrl-C raises `KeyboardInterrupt` immediately.

    Within another `Stop`, this one takes over its signals, and hands its own on at its end.
    """

    def __init__(self) -> None:
        self._signals: set[int] = set()
        self._before: dict[int, Any] = {}
        self._end = time.monotonic() + environment.seconds_left()

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self.signalled or time.monotonic() > self._end

    @property
    def signalled(self) -> bool:
        """Whether a signal asked to stop, and not the time limit."""
        return bool(self._signals)

    def error(self, where: str) -> StoppedError:
        """The error to raise after the checkpoint is written; `where` is for instance "step 3 of 10"."""
        return StoppedError(where, INTERRUPTED if signal.SIGINT in self._signals else 1)

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._signal) for number in (signal.SIGTERM, signal.SIGINT)}
            if outer := self._outer():
                self._signals |= outer._signals
        return self

    def _outer(self) -> "Stop | None":
        """The `Stop` within which this one began."""
        owner = getattr(self._before.get(signal.SIGTERM), "__self__", None)
        return owner if isinstance(owner, Stop) else None

    def _signal(self, number: int, frame: object) -> None:
        # `torchrun` forwards Ctrl-C to processes that have already received it from the terminal.
        if number == signal.SIGINT and number in self._signals and "LOCAL_RANK" not in os.environ:
            raise KeyboardInterrupt
        self._signals.add(number)
        if number == signal.SIGINT:
            os.write(2, b"\nstopping after this step's checkpoint; Ctrl-C again ends without a checkpoint\n")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and signal.SIGINT in self._signals:
            raise KeyboardInterrupt  # the signal came in the last step, so the loop has not raised `error`
        if outer := self._outer():
            outer._signals |= self._signals
