"""Device, threads, determinism and random generators.

Nothing here changes a result on the CPU, except `UNSEEN_THREADS`: floating-point sums depend on the number of
threads, so its default does not depend on the machine.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.prefetch import core_is_idle

DEFAULT_THREADS = 2

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
