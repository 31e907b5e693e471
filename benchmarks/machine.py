"""The machine that a number was measured on, in one line."""

import platform
from importlib.metadata import PackageNotFoundError, version

from unseen.speed.machine import cores, cpu, gpu

PACKAGES = ("torch", "onnxruntime", "pillow", "pyarrow", "dvc")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def machine() -> str:
    """CPU model, cores, accelerator and versions."""
    return (
        f"CPU {cpu()}, {cores()} cores, GPU {gpu() or 'none'}; Python "
        f"{platform.python_version()}, {', '.join(map(_version, PACKAGES))}"
    )
