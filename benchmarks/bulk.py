r"""Kill a bulk job three times at random, resume it and compare its rows; measure the speed of one and two workers.

    PYTHONPATH=src python benchmarks/bulk.py --faces data/sets/evaluation \
        --detector models/detectors/efficientnet_lite0

The pictures in the Parquet files below a folder are written to one folder of files, and repeated in a fixed order
until there are enough. Each repetition differs in one byte after the end of the JPEG, so its SHA-256 and JPEG quality
differ. Prints how many rows of the killed job equal those of an uninterrupted one, and the pictures per second of one
and two workers with their ratio. The rates start after the first part; the time to the first part is printed
separately.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from machine import machine


def pictures(faces: Path, folder: Path, count: int) -> None:
    """Write `count` files, a thousand per folder."""
    files = sorted(path for path in faces.rglob("*.parquet") if "image" in pq.read_schema(path).names)
    rows = [row["bytes"] for path in files for row in pq.read_table(path, columns=["image"])["image"].to_pylist()]
    if not rows:
        sys.exit(f"{faces}: no Parquet file with a column `image`")
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows[number % len(rows)] + bytes([number // len(rows) % 256]))


def command(given: argparse.Namespace, source: Path, target: Path, workers: int) -> list[str]:
    """Build the command line of `unseen bulk`."""
    start = [sys.executable, "-m", "unseen.cli", "bulk", str(source), str(target), "--detector", str(given.detector)]
    return [*start, "--workers", str(workers), "--chunk", str(given.chunk)]


def parts(folder: Path) -> list[Path]:
    """List the finished parts."""
    return sorted(folder.glob("part-*.parquet"))


@dataclass(frozen=True)
class Speed:
    """The speed between the first and the last part.

    Attributes:
        start_s: seconds until the first part.
        rate: parts per second.
        rate_cpu: parts per second of CPU time of all processes of the job. It depends less on other load.
    """

    start_s: float
    rate: float
    rate_cpu: float


def unbroken(given: argparse.Namespace, source: Path, target: Path, workers: int) -> Speed:
    """Run a job without interruption."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command(given, source, target, workers), stdout=said, stderr=said)
        tree, seen = psutil.Process(process.pid), list[tuple[float, int, float]]()
        while process.poll() is None:
            if (number := len(parts(target))) != (seen[-1][1] if seen else 0):
                seen.append((time.monotonic() - start, number, cpu_s(tree)))
            time.sleep(0.02)
        if process.returncode not in (0, 1):
            said.seek(0)
            sys.exit(f"{target.name}: exit code {process.returncode}: {said.read().decode()[-500:]}")
    if len(seen) < 2:
        return Speed(seen[0][0] if seen else 0.0, 0.0, 0.0)
    (first_s, first, first_cpu), (last_s, last, last_cpu) = seen[0], seen[-1]
    return Speed(first_s, (last - first) / (last_s - first_s), (last - first) / max(last_cpu - first_cpu, 1e-9))


def cpu_s(tree: psutil.Process) -> float:
    """Return the CPU seconds of a process and its living descendants."""
    total = 0.0
    try:
        for one in (tree, *tree.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += sum(one.cpu_times()[:2])
    except psutil.Error:  # the process has just ended
        pass
    return total


def killed(given: argparse.Namespace, source: Path, target: Path) -> list[int]:
    """Kill a job at random times, then let it finish. Return the number of parts at each kill."""
    moments, there = random.Random(given.seed), list[int]()
    most = -(-given.count // given.chunk) // (given.kills + 1)
    for _ in range(given.kills):
        wanted = len(parts(target)) + moments.randint(1, max(1, most))
        process = subprocess.Popen(
            command(given, source, target, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(parts(target)) < wanted and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        there.append(len(parts(target)))
    unbroken(given, source, target, 2)
    return there


def rows(folder: Path) -> list[dict[str, Any]]:
    """Read all rows, in the order of the parts."""
    return [row for path in parts(folder) for row in pq.read_table(path).to_pylist()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faces", type=Path, required=True, metavar="DIR", help="folder with Parquet files of faces")
    parser.add_argument("--detector", type=Path, required=True, metavar="DIR")
    parser.add_argument("--count", type=int, default=20_000, help="number of pictures; default: %(default)s")
    parser.add_argument("--chunk", type=int, default=256, help="pictures per part; default: %(default)s")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    parser.add_argument("--runs", type=int, default=1, help="runs for each number of workers; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="seed of the times of the kills")
    given = parser.parse_args()
    print(machine(), f"load {os.getloadavg()[0]:.1f}", flush=True)
    parent = Path(tempfile.mkdtemp(prefix="bulk-"))
    try:
        source = parent / "in"
        pictures(given.faces, source, given.count)
        one = Speed(0.0, 0.0, 0.0)
        for run in range(given.runs):
            for workers in given.workers:
                found = unbroken(given, source, parent / f"out{workers}-{run}", workers)
                one = found if workers == given.workers[0] else one
                per_s, per_cpu_s = found.rate * given.chunk, found.rate_cpu * given.chunk
                print(
                    f"{workers} workers: first part after {found.start_s:.0f} s, then {per_s:.1f} pictures/s and "
                    f"{per_cpu_s:.1f} per second of CPU time; ratio to the first {found.rate / one.rate:.2f}, of "
                    f"CPU time {found.rate_cpu / one.rate_cpu:.2f}; n {given.count}, load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
        there = killed(given, source, parent / "killed")
        expected, found_rows = rows(parent / f"out{given.workers[0]}-0"), rows(parent / "killed")
        same = sum(one == other for one, other in zip(expected, found_rows, strict=False))
        print(
            f"killed {given.kills} times, with {there} of {len(parts(parent / 'killed'))} parts: "
            f"{len(found_rows)} rows, {same} of {len(expected)} equal to those without a kill"
        )
        sys.exit(0 if expected == found_rows else 1)
    finally:
        shutil.rmtree(parent, ignore_errors=True)


if __name__ == "__main__":
    main()
