"""Device, threads, determinism, stop signals and checkpoints.

Nothing here changes a result on the CPU, except `UNSEEN_THREADS`: floating-point sums depend on the number of
threads, so its default does not depend on the machine.
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
from unseen.core.files import read_sealed, set_aside, write_sealed
from unseen.core.parallel import Parallel
from unseen.core.prefetch import core_is_idle
from unseen.core.shortages import shortage_of

DEFAULT_THREADS = 2

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of the signal."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # from glibc's malloc.h


def device() -> torch.device:
    """The device from `UNSEEN_DEVICE`, else a GPU if there is one, else the CPU.

    Raises:
        UserError: the device does not exist.
    """
    found = torch.device(environment.requested_device() or ("cuda" if torch.cuda.is_available() else "cpu"))
    if found.type != "cpu":
        count = torch.get_device_module(found).device_count()
        if (found.index or 0) >= count:
            raise UserError(f"UNSEEN_DEVICE is {str(found)!r}, but PyTorch finds {count} devices of that kind")
    return found


def has_idle_core() -> bool:
    """Whether a core is idle while a network works on this process's device; see `unseen.core.prefetch`."""
    return device().type != "cpu" or core_is_idle(torch.get_num_threads())


def prepare() -> torch.device:
    """Set threads and algorithms so that CPU runs are deterministic, and return the device.

    A GPU uses its fastest algorithms, unless `UNSEEN_DETERMINISTIC=1`.
    """
    torch.set_num_threads(environment.threads(DEFAULT_THREADS))
    found = device()
    repeatable = found.type == "cpu" or environment.deterministic()
    if repeatable:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is not deterministic without it
    # Same as `use_deterministic_algorithms`, which imports torch's compiler and takes a second longer.
    torch.set_deterministic_debug_mode("warn" if repeatable else "default")
    # No code reads uninitialised memory. Filling it took a sixth of a GAN's step.
    torch.utils.deterministic.fill_uninitialized_memory = not environment.memory_tuning()  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not repeatable
    keep_memory()
    return found


def keep_memory() -> None:
    """Make glibc reuse freed memory instead of returning it to the system. No effect on other C libraries.

    By default, glibc returns each large tensor, and the system zeroes its pages again at each layer of each step.
    That took 26 to 30 % of the CPU time of a small network: with this, a step of `efficientnet_lite0` at batch 64 on
    one core went from 45 to 65 images per second of CPU time. A process does not shrink: its peak went from 2.7 to
    3.1 GiB.
    `UNSEEN_MEMORY_TUNING=0` turns this off. Results are the same bytes.
    """
    if not environment.memory_tuning():
        return
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, -1)


def half(device: torch.device) -> AbstractContextManager[object]:
    """Autocast to bfloat16 on a GPU. On the CPU nothing changes: float32 is faster there and deterministic."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def on(device: torch.device, made: Tensor) -> Tensor:
    """Copy a tensor from the host to the device, asynchronously."""
    return made.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else made.to(device)


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


def generator(*parts: object) -> torch.Generator:
    """A CPU random generator that depends only on `parts`, for instance (seed, "batch", step).

    A resumed run gives the same bytes, because random numbers depend on the step and not on earlier draws.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Seed torch's global CPU generator from `parts` within `with`, and restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(*parts).initial_seed()))
        yield


def machine_key() -> list[str | int]:
    """What the bits of a result depend on beside code and data: PyTorch, threads, instruction set and device."""
    capability: str = torch.backends.cpu.get_cpu_capability()
    return [torch.__version__, torch.get_num_threads(), capability, str(device())]


class Scratch:
    """The checkpoint of one training, in a folder whose name is a hash of params, data, code and device.

    A run resumes only from a checkpoint with the same hash. The folder is git-ignored and not a DVC output; it is
    removed at the end.
    """

    def __init__(self, root: Path, title: str, key: Any) -> None:
        self.every_s = environment.checkpoint_seconds()
        self._root, self._title, self._key = root, title, key
        self._saved_at, self._took_s = time.monotonic(), 0.0

    def _folder(self, title: str, key: Any) -> Path:
        encoded = json.dumps([key, own_code(), machine_key()], sort_keys=True)
        return self._root / f"{title}-{hashlib.sha256(encoded.encode()).hexdigest()[:20]}"

    @cached_property
    def _file(self) -> Path:
        """The checkpoint's path. Computed at first use, because the hash covers modules that are imported late."""
        return self._folder(self._title, self._key) / "checkpoint.pt"

    def shared(self, title: str, key: Any) -> Path:
        """A folder for results that other trainings with this `key`, code and device can reuse.

        `clear` keeps it; only the user removes it.
        """
        return self._folder(title, key)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint. Returns None if there is none, or if it is damaged: then it is also renamed.

        Every process of a distributed training must call this.

        Raises:
            UserError: another process goes on from another step, or its checkpoint has another hash.
        """
        state = self._load()
        Parallel().check_same(self._file.parent.name, state["step"] if state else 0)
        return state

    def _load(self) -> dict[str, Any] | None:
        again = "and training starts again from step 0"
        content = read_sealed(self._file, again)  # torch writes checksums but does not check them
        if content is None:
            return None
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            step = state["step"]
        except Exception as error:  # torch raises many types for damaged files
            if isinstance(error, PermissionError) or shortage_of(error):
                raise
            set_aside(self._file, again)
            return None
        print(f"{self._title}: resuming from step {step}", file=sys.stderr)
        return state

    def due(self) -> bool:
        """Whether to write a checkpoint: the last one is at least `every_s` seconds old, or more if writing was slow.

        At most about a thirtieth of the time is spent on checkpoints. The result does not depend on when one is
        written.
        """
        return time.monotonic() - self._saved_at >= self.every_s * (1 + 2 * self._took_s)

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint atomically; `state` has tensors, plain data and the key `step`."""
        start = time.monotonic()
        # Not directly to the file: torch's error does not report a full disk.
        torch.save(state, content := io.BytesIO())
        write_sealed(self._file, content.getbuffer())
        self._saved_at = time.monotonic()
        self._took_s = self._saved_at - start

    def clear(self) -> None:
        """Remove the checkpoint, after all outputs are written."""
        shutil.rmtree(self._file.parent, ignore_errors=True)
