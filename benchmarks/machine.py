"""The machine that a number was measured on, in one line."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "onnxruntime", "pillow", "pyarrow", "dvc")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def machine() -> str:
    """CPU model, cores, accelerator and versions."""
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return (
        f"CPU {models[0] if models else platform.processor()}, {os.cpu_count()} cores, GPU {gpu}; Python "
        f"{platform.python_version()}, {', '.join(map(_version, PACKAGES))}"
    )
