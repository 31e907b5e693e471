"""Run the pipeline as other processors would, and compare the findings of each with the committed ones.

    python benchmarks/processors.py                       # SSE4.1, AVX2 and this machine: three runs of the default
    python benchmarks/processors.py --params FILE         # of other params; compared with the run `native`
    python benchmarks/processors.py --dry-run             # print what would run

Each processor is a fresh clone of the last commit, in which `dvc repro` runs with variables that make PyTorch,
oneDNN, MKL, OpenBLAS, NumPy, glibc and libjpeg-turbo use only the instructions of that processor. ONNX Runtime has no
such variable; the rounding of the face detector's output is tested in tests/faces/test_detect.py.

Prints the findings of each processor beside those expected, as `unseen verify` compares them. Exits with 1 if a
stated finding does not hold on one of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from unseen.report.agreement import FAILS, HOLDS

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = Path("metrics/findings.json")

AVX2_OF_NUMPY = {"AVX", "F16C", "FMA3", "AVX2", "X86_V3"}
"""NumPy's names of what a processor with AVX2 has, beside its baseline."""

NATIVE = "native"
VARIABLES: dict[str, dict[str, str]] = {
    "sse4.1": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
        "JSIMD_FORCESSE2": "1",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-FMA,-FMA4",
    },
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL",
    },
    NATIVE: {"UNSEEN_AVX512": "1"},
}
"""The environment variables of each emulated processor, but for NumPy's."""

Rows = list[dict[str, str]]
"""The `findings` of `unseen verify --json`."""


def numpy_variable(processor: str) -> dict[str, str]:
    """NumPy's variable: the features that it would use here and that the processor lacks."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    kept = AVX2_OF_NUMPY if processor == "avx2" else set()
    lacks = [name for name in __cpu_dispatch__ if __cpu_features__.get(name) and name not in kept]
    return {} if processor == NATIVE else {"NPY_DISABLE_CPU_FEATURES": " ".join(lacks)}


def run(processor: str, folder: Path, params: Path | None, log: Path) -> float:
    """Run the pipeline in a fresh clone.

    Args:
        processor: a key of `VARIABLES`.
        folder: of the clone, which must not exist.
        params: a file to take the place of params.yaml, or None.
        log: file for the output.

    Returns:
        The seconds that `dvc repro` took.
    """
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    for file in ("dvc.lock", FINDINGS):
        (folder / file).unlink(missing_ok=True)
    if params:
        shutil.copy(params, folder / "params.yaml")
    environment = {
        **os.environ,
        **VARIABLES[processor],
        **numpy_variable(processor),
        "PYTHONPATH": str(folder / "src"),
    }
    started = time.monotonic()
    with log.open("wb") as handle:
        done = subprocess.run(
            ["dvc", "repro"], cwd=folder, env=environment, stdout=handle, stderr=handle, check=False
        )
    if done.returncode:
        sys.exit(f"{processor}: `dvc repro` failed; its output is in {log}")
    return time.monotonic() - started


def verified(folder: Path, against: str) -> Rows:
    """The findings of the run in a folder, compared with others by `unseen verify`."""
    command = [sys.executable, "-m", "unseen.cli", "verify", "--json", "--against", against]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    if not done.stdout:
        sys.exit(f"{folder}: `unseen verify` failed")
    found: dict[str, Any] = json.loads(done.stdout)
    rows: Rows = found["findings"]
    return rows


def table(found: dict[str, Rows]) -> tuple[list[str], int]:
    """The lines of the table, and how many findings of all processors together do not hold.

    Args:
        found: of each processor; all are compared with the same findings.
    """
    lines = ["| finding | expected | " + " | ".join(found) + " |", "|---" * (2 + len(found)) + "|"]
    for same in zip(*found.values(), strict=True):
        cells = [one["here"] if one["outcome"] == HOLDS else f"{one['here']} ({one['outcome']})" for one in same]
        lines.append(f"| {same[0]['finding']} | {same[0]['committed']} | {' | '.join(cells)} |")
    return lines, sum(one["outcome"] == FAILS for rows in found.values() for one in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--params", type=Path, help="params file in place of the committed one")
    parser.add_argument("--processors", nargs="+", choices=list(VARIABLES), default=list(VARIABLES))
    parser.add_argument(
        "--keep", type=Path, help="new folder for the clones, which are kept; default: a temporary one"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the variables of each processor and end")
    arguments = parser.parse_args()
    processors = list(dict.fromkeys(arguments.processors))
    if arguments.dry_run:
        for processor in processors:
            variables = {**VARIABLES[processor], **numpy_variable(processor)}
            print(f"{processor}: {' '.join(f'{name}={value!r}' for name, value in variables.items())} dvc repro")
        return
    if arguments.params and NATIVE not in processors:
        parser.error("with --params, `native` must be one of --processors: the others are compared with it")
    committed = ["git", "cat-file", "-e", f"HEAD:{FINDINGS.as_posix()}"]
    if not arguments.params and subprocess.run(committed, cwd=ROOT, capture_output=True, check=False).returncode:
        sys.exit(f"HEAD:{FINDINGS.as_posix()}: not found; commit the findings of a run first")
    with tempfile.TemporaryDirectory() as scratch:
        parent = arguments.keep.resolve() if arguments.keep else Path(scratch)
        parent.mkdir(parents=True, exist_ok=True)
        for processor in processors:
            log = parent / f"{processor}.log" if arguments.keep else Path(tempfile.gettempdir(), f"{processor}.log")
            seconds = run(processor, parent / processor, arguments.params, log)
            print(f"{processor}: {seconds:.0f} s", flush=True)
        against = str(parent / NATIVE) if arguments.params else "HEAD"
        found = {processor: verified(parent / processor, against) for processor in processors}
    lines, wrong = table(found)
    print("\n".join(lines))
    print(f"{wrong} of {len(found) * (len(lines) - 2)} findings do not hold")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
