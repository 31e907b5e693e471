"""Where and how things run: threads, determinism, scratch and checkpoints.

Nothing here may change a result on the CPU, except `UNSEEN_THREADS`: floating-point sums depend on how
many threads share them, so the default is fixed and not the machine's.
"""

import ctypes
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unseen.core import environment
from unseen.core.code import own_code
from unseen.core.errors import StoppedError, UserError
from unseen.core.files import atomic_file, set_aside

DEFAULT_THREADS = 2

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended: 128 and the number of the signal."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def device() -> torch.device:
    """The device from `UNSEEN_DEVICE`, else a GPU where there is one, else the CPU.

    Raises:
        UserError: the device is not there.
    """
    found = torch.device(environment.device() or ("cuda" if torch.cuda.is_available() else "cpu"))
    if found.type != "cpu":
        count = torch.get_device_module(found).device_count()
        if (found.index or 0) >= count:
            raise UserError(f"UNSEEN_DEVICE is {str(found)!r}, and PyTorch finds {count} devices of that kind here")
    return found


def prepare() -> torch.device:
    """Fix threads and algorithms so that a CPU run gives the same bytes every time; return the device.

    A GPU takes its fastest algorithms, unless `UNSEEN_DETERMINISTIC=1`.
    """
    torch.set_num_threads(environment.threads(DEFAULT_THREADS))
    found = device()
    repeatable = found.type == "cpu" or environment.deterministic()
    if repeatable:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, cuBLAS does not repeat itself
    # As `use_deterministic_algorithms` does, which imports torch's compiler for a second.
    torch.set_deterministic_debug_mode("warn" if repeatable else "default")
    # Memory that nobody reads before it is written need not be filled: that took a sixth of a GAN's step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not repeatable
    keep_memory()
    return found


def keep_memory() -> None:
    """Have glibc keep what is freed for what is asked for next, where glibc it is.

    By default it hands each large tensor back to the system, which fills every page anew with zeros at each layer of
    each step: over a fourth of the CPU time of a small network. A process then stays as large as it has been.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, -1)


def half(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where a GPU multiplies; the CPU stays in float32, which is faster there and repeats itself."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def on(device: torch.device, made: Tensor) -> Tensor:
    """A tensor that was made on the host, on the device; nobody waits for the copy."""
    return made.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else made.to(device)


class Stop:
    """A request to stop: SIGTERM, as a machine sends that is taken away, Ctrl-C (SIGINT), or the time that
    `UNSEEN_STOP_AFTER` allows the run, for hosts that end a session after so many hours.

    Within `with`, none of them ends anything: the loop looks at `asked`, saves what it has and raises `error`. A
    second Ctrl-C is a `KeyboardInterrupt` at once.
    """

    def __init__(self) -> None:
        self._signals: set[int] = set()
        self._before: dict[int, Any] = {}
        self._end = time.monotonic() + environment.seconds_left()

    @property
    def asked(self) -> bool:
        """Whether it is time."""
        return bool(self._signals) or time.monotonic() > self._end

    def error(self, where: str) -> StoppedError:
        """What to raise when all is saved; `where` is for instance "step 3 of 10"."""
        return StoppedError(where, INTERRUPTED if signal.SIGINT in self._signals else 1)

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._signal) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def _signal(self, number: int, frame: object) -> None:
        # `torchrun` hands a Ctrl-C on to processes that have had it from the terminal.
        if number == signal.SIGINT and number in self._signals and "LOCAL_RANK" not in os.environ:
            raise KeyboardInterrupt
        self._signals.add(number)
        if number == signal.SIGINT:
            os.write(2, b"\nstopping as soon as this step is saved; Ctrl-C again ends at once, without saving\n")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and signal.SIGINT in self._signals:
            raise KeyboardInterrupt  # in the last step: the loop had nothing left to stop


def generator(*parts: object) -> torch.Generator:
    """A CPU random generator that depends on nothing but `parts`, for instance (seed, "batch", step).

    Randomness by step instead of by history is what lets a run go on after a kill with the same bytes.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """What torch draws within by itself depends on nothing but `parts`, and nothing outside depends on them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(*parts).initial_seed()))
        yield


class Scratch:
    """Where one piece of work keeps its checkpoint: a folder named by a hash of all that decides the result.

    Other params, other data or other code mean another folder, so nothing is ever resumed that would end
    elsewhere. DVC does not see it: it is git-ignored, and removed when the work is done.
    """

    def __init__(self, root: Path, title: str, key: Any) -> None:
        self.every_s = environment.checkpoint_seconds()
        self._root, self._title, self._key = root, title, key
        self._saved_at, self._took_s = time.monotonic(), 0.0

    def _folder(self, title: str, key: Any) -> Path:
        where = [torch.__version__, torch.get_num_threads(), str(device())]
        encoded = json.dumps([key, own_code(), where], sort_keys=True)
        return self._root / f"{title}-{hashlib.sha256(encoded.encode()).hexdigest()[:20]}"

    @cached_property
    def _file(self) -> Path:
        """Named at first use, when the modules that are imported by name are loaded and can be hashed."""
        return self._folder(self._title, self._key) / "checkpoint.pt"

    def shared(self, title: str, key: Any) -> Path:
        """A folder for what takes long and what other work with this `key`, code and device can use again.

        It outlives `clear`; whoever needs the space removes it.
        """
        return self._folder(title, key)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None at a fresh start; a damaged one is set aside, which is a fresh start too."""
        if not self._file.exists():
            return None
        try:
            with zipfile.ZipFile(self._file) as stored:  # torch writes checksums and does not read them
                if member := stored.testzip():
                    raise ValueError(f"{member} has another checksum")
            state: dict[str, Any] = torch.load(self._file, map_location="cpu", weights_only=True)
            step = state["step"]
        except (MemoryError, PermissionError):
            raise
        except Exception:  # torch raises a dozen kinds
            set_aside(self._file, "and training starts afresh")
            return None
        print(f"{self._title}: going on from step {step}", file=sys.stderr)
        return state

    def due(self) -> bool:
        """Whether the last checkpoint is `every_s` seconds old, and more where it took long: a thirtieth of the time
        is spent on them at most. When one is written is no matter: a run that goes on from any step ends with the
        same bytes."""
        return time.monotonic() - self._saved_at >= self.every_s * (1 + 2 * self._took_s)

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint, whole; `state` holds tensors and plain data, and a `step`."""
        start = time.monotonic()
        with atomic_file(self._file) as part:
            # Not into the file: where the disk is full, torch raises an error that does not say so.
            torch.save(state, content := io.BytesIO())
            part.write_bytes(content.getbuffer())
        self._saved_at = time.monotonic()
        self._took_s = self._saved_at - start

    def clear(self) -> None:
        """Remove the checkpoint: the work is done and its outputs are written."""
        shutil.rmtree(self._file.parent, ignore_errors=True)
