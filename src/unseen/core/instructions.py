"""Limit libraries to AVX2 on a processor with AVX-512, set before any of them is imported.

Each set of instructions has its own order of sums, and a training amplifies a difference in the last bits. With this,
a training on a processor with AVX-512 has the bytes of one without; see docs/determinism.md for what was measured.
"""

import os
from pathlib import Path

from unseen.core import environment

VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions and matrix products of PyTorch
    "OPENBLAS_CORETYPE": "Haswell",  # linear algebra of NumPy, SciPy and scikit-learn
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # NumPy
}
"""Environment variables of libraries, with the value that limits them to AVX2."""

CPUINFO = Path("/proc/cpuinfo")


def has_avx512(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the processor has AVX-512. False if the system does not say, as on other systems than Linux."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return "avx512f" in flags and "avx2" in flags


def limit_to_avx2(cpuinfo: Path = CPUINFO) -> None:
    """Set the variables that are not set yet, on a processor with AVX-512, unless `UNSEEN_AVX512` is 1.

    Nothing is set on other processors: PyTorch would obey on one without AVX2, and crash.

    Raises:
        UserError: the value of `UNSEEN_AVX512` is not valid.
    """
    if not environment.avx512() and has_avx512(cpuinfo):
        for name, value in VARIABLES.items():
            os.environ.setdefault(name, value)
