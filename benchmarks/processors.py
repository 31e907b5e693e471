"""Run the pipeline as other processors would, and compare each result with the committed range over training seeds.

    python benchmarks/processors.py                       # SSE4.1, AVX2 and this machine: three runs of the default
    python benchmarks/processors.py --params FILE         # of other params; the ranges are those of the run `native`
    python benchmarks/processors.py --dry-run             # print what would run

Each processor is a fresh clone of the last commit, in which `dvc repro` runs with variables that make PyTorch,
oneDNN, MKL, OpenBLAS, NumPy, glibc and libjpeg-turbo use only the instructions of that processor. ONNX Runtime has no
such variable; the rounding of the face detector's output is tested in tests/faces/test_detect.py.

Prints the AUC of each detector on each pair: the range over the training seeds that is expected, the mean of each
processor, and whether that mean lies in the range. Exits with 1 if one lies further outside than `--tolerance`.
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

ROOT = Path(__file__).resolve().parents[1]
SUMMARY = Path("metrics/summary.json")

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
    NATIVE: {},
}
"""The environment variables of each emulated processor, but for NumPy's."""

Summary = dict[str, dict[str, dict[str, float]]]


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
    (folder / "dvc.lock").unlink(missing_ok=True)
    if params:
        shutil.copy(params, folder / "params.yaml")
    environment = {**os.environ, **VARIABLES[processor], **numpy_variable(processor)}
    environment["PYTHONPATH"] = str(folder / "src")
    started = time.monotonic()
    with log.open("wb") as handle:
        done = subprocess.run(
            ["dvc", "repro"], cwd=folder, env=environment, stdout=handle, stderr=handle, check=False
        )
    if done.returncode:
        sys.exit(f"{processor}: `dvc repro` failed; its output is in {log}")
    return time.monotonic() - started


def read_summary(text: str, where: str) -> Summary:
    """A summary of metrics, as the stage `summary` writes it, with the range over training seeds."""
    found: Summary = json.loads(text)
    if any("auc_min" not in numbers for pairs in found.values() for numbers in pairs.values()):
        sys.exit(f"{where}: has no `auc_min`; run `dvc repro` with this version")
    return found


def committed() -> Summary:
    """The summary of the last commit."""
    command = ["git", "show", f"HEAD:{SUMMARY.as_posix()}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return read_summary(shown.stdout, f"HEAD:{SUMMARY}")


def outside(value: float, low: float, high: float) -> float:
    """How far a value lies outside of a range; 0 inside."""
    return max(low - value, value - high, 0.0)


def table(expected: Summary, found: dict[str, Summary], tolerance: float) -> tuple[list[str], int]:
    """The lines of the table, and how many means lie further outside than the tolerance, or are missing."""
    lines = ["| detector | pair | expected AUC | " + " | ".join(found) + " |", "|---" * (3 + len(found)) + "|"]
    wrong = 0
    for detector, pairs in expected.items():
        for pair, numbers in pairs.items():
            low, high = numbers["auc_min"], numbers["auc_max"]
            cells = []
            for summary in found.values():
                value = summary.get(detector, {}).get(pair, {}).get("auc")
                away = float("inf") if value is None else outside(value, low, high)
                wrong += away > tolerance
                shown = "missing" if value is None else f"{value:.3f}"
                cells.append(f"{shown} (outside by {away:.3f})" if 0 < away < float("inf") else shown)
            lines.append(f"| {detector} | {pair} | {low:.3f} to {high:.3f} | {' | '.join(cells)} |")
    return lines, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--params", type=Path, help="params file in place of the committed one")
    parser.add_argument("--processors", nargs="+", choices=list(VARIABLES), default=list(VARIABLES))
    parser.add_argument("--tolerance", type=float, default=0.02, help="of AUC, outside of the range over seeds")
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
    expected = None if arguments.params else committed()
    with tempfile.TemporaryDirectory() as scratch:
        parent = arguments.keep.resolve() if arguments.keep else Path(scratch)
        parent.mkdir(parents=True, exist_ok=True)
        found = {}
        for processor in processors:
            log = parent / f"{processor}.log" if arguments.keep else Path(tempfile.gettempdir(), f"{processor}.log")
            seconds = run(processor, parent / processor, arguments.params, log)
            print(f"{processor}: {seconds:.0f} s", flush=True)
            found[processor] = read_summary((parent / processor / SUMMARY).read_text(encoding="utf-8"), processor)
    lines, wrong = table(expected or found[NATIVE], found, arguments.tolerance)
    print("\n".join(lines))
    print(
        f"{wrong} of {len(found) * (len(lines) - 2)} means lie more than {arguments.tolerance} outside of the range"
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
