"""Facts about this machine, for `unseen doctor`: Python, PyTorch, device, threads and instruction set.

PyTorch is not imported here. If its build supports GPUs and the machine may have one, another process imports it.
"""

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.instructions import CPUINFO, has_avx512

GPU_FILES = {
    "cuda": ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvmap", "/proc/driver/nvidia", "/dev/dxg"),
    "hip": ("/dev/kfd", "/dev/dxg"),
    "xpu": ("/dev/dri", "/dev/dxg"),
}
"""Files of GPU drivers on Linux, by the accelerator of PyTorch's build. WSL has /dev/dxg for all of them."""

ASK_TORCH = """
import json, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import torch
    gpu = torch.cuda.is_available()
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if gpu else []
    others = [k for k in ("mps", "xpu") if getattr(torch, k, None) and getattr(torch, k).is_available()]
print(json.dumps({"cuda": names, "others": others, "said": [str(w.message).splitlines()[0] for w in said]}))
"""

TIMEOUT = 20.0
"""Time limit in seconds for the process that imports PyTorch. The first import after an installation reads a
gigabyte."""


def installed(package: str) -> str:
    """Return the version of a package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def python_line() -> str:
    """Return the Python version, operating system and processor architecture."""
    return f"{platform.python_version()}, {platform.system()} {platform.machine()}"


def torch_build() -> dict[str, str]:
    """Return the PyTorch version and the accelerators of its build, from torch/version.py; empty if not installed."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return {}
    try:
        text = (Path(spec.submodule_search_locations[0]) / "version.py").read_text(encoding="utf-8")
    except OSError:
        return {"version": installed("torch") or "unknown"}
    found = dict(re.findall(r"^(__version__|cuda|hip|xpu)\b[^=\n]*= *'([^']+)'", text, re.MULTILINE))
    return {"version": found.pop("__version__", "unknown"), **found}


@dataclass(frozen=True)
class DeviceFound:
    """The device of PyTorch.

    Attributes:
        text: text for the screen.
        problem: why the params can't be run on it; empty if they can.
    """

    text: str
    problem: str = ""


def _may_have_gpu(build: dict[str, str]) -> bool:
    if sys.platform == "linux":
        return any(os.path.exists(path) for kind in build for path in GPU_FILES.get(kind, ()))
    return sys.platform == "darwin" or bool({"cuda", "xpu"} & set(build))


def find_device() -> DeviceFound:
    """Find the device that stages and `unseen predict` use, by the rule of `unseen.core.runtime.device`."""
    build = torch_build()
    if not build:
        return DeviceFound("none", "PyTorch is not installed; run `pip install torch torchvision`")
    try:
        asked = environment.requested_device()
    except UserError as error:
        return DeviceFound("unknown", str(error))
    if asked == "cpu":
        return DeviceFound("cpu (UNSEEN_DEVICE)")
    if asked is None and not _may_have_gpu(build):
        why = "no GPU on this machine" if set(GPU_FILES) & set(build) else "this PyTorch is built for the CPU"
        return DeviceFound(f"cpu ({why})")
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK_TORCH],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return DeviceFound(
            "unknown", f"PyTorch did not report its device within {TIMEOUT:.0f} s; run this command again"
        )
    except (subprocess.CalledProcessError, OSError, ValueError, IndexError):
        return DeviceFound(
            "unknown", "PyTorch can't be imported; `python -c 'import torch'` shows the reason; install PyTorch again"
        )
    return _chosen(asked, found["cuda"], found["others"], found["said"])


def _chosen(asked: str | None, names: list[str], others: list[str], said: list[str]) -> DeviceFound:
    """Choose the device from the report of PyTorch.

    Args:
        asked: UNSEEN_DEVICE; None if it is not set.
        names: names of the CUDA or ROCm GPUs.
        others: the available ones of `mps` and `xpu`.
        said: warnings of PyTorch, for instance about an old driver.
    """
    if asked:
        kind, _, index = asked.partition(":")
        if kind in others or (kind == "cuda" and int(index or 0) < len(names)):
            name = f", {names[int(index or 0)]}" if kind == "cuda" else ""
            return DeviceFound(f"{asked} (UNSEEN_DEVICE{name})")
        here = ", ".join([f"cuda:{i}" for i in range(len(names))] + others) or "only cpu"
        return DeviceFound(f"{asked}: missing", f"UNSEEN_DEVICE is {asked!r}, but PyTorch finds {here}; unset it")
    if names:
        return DeviceFound(f"cuda ({', '.join(names)})")
    note = f"; UNSEEN_DEVICE={others[0]} would use {others[0]}" if others else ""
    warned = f"; PyTorch says: {said[0][:120]}" if said else ""
    return DeviceFound(f"cpu (PyTorch finds no GPU of CUDA or ROCm{note}{warned})")


def threads_line() -> str:
    """Describe cores, memory, and the threads that networks use.

    Raises:
        UserError: UNSEEN_THREADS is not valid.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    used = f"{environment.threads(2)} in stages, {environment.threads(1)} in predict"
    return f"{used}; {cores} cores, {memory.total / 1e9:.0f} GB of memory ({memory.available / 1e9:.0f} GB free)"


def instructions_line(cpuinfo: Path = CPUINFO) -> str:
    """Describe the instruction set that networks use on the CPU.

    Raises:
        UserError: UNSEEN_AVX512 is not valid.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()}; no more is known on this system"
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    if not flags:
        return f"{platform.machine()}"
    vnni = f"{'' if {'avx512_vnni', 'avx_vnni'} & set(flags) else 'no '}VNNI"
    if has_avx512(cpuinfo):
        used = "AVX-512 (UNSEEN_AVX512)" if environment.avx512() else "AVX2 (UNSEEN_AVX512=1 would use AVX-512)"
        return f"{used}, {vnni}"
    return f"{'AVX2' if 'avx2' in flags else 'no AVX2: slow'}, {vnni}"
