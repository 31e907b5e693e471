"""Kill a bulk job three times at random moments, let it go on, compare its rows, and measure one and two workers.

    PYTHONPATH=src python benchmarks/bulk.py --faces data/evaluation --detector models/detectors/efficientnet_lite0

The pictures of the Parquet files below a folder are repeated in a fixed order until there are enough, as files of one
folder; each repetition differs in one byte after the end of the JPEG, so its SHA-256 and JPEG quality differ.
Prints whether every row of the killed job is that of an unbroken one, and a table: pictures a second of workers that
are ready, with one worker as 1. What Ray and the workers need to start is outside of it, and printed beside it.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from machine import machine


def pictures(faces: Path, folder: Path, count: int) -> None:
    """Write `count` files, a thousand in a folder."""
    files = sorted(path for path in faces.rglob("*.parquet") if "image" in pq.read_schema(path).names)
    rows = [row["bytes"] for path in files for row in pq.read_table(path, columns=["image"])["image"].to_pylist()]
    if not rows:
        sys.exit(f"{faces}: no Parquet file with a column `image`")
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows[number % len(rows)] + bytes([number // len(rows) % 256]))


def command(given: argparse.Namespace, source: Path, target: Path, workers: int) -> list[str]:
    """`unseen bulk` with these arguments."""
    start = [sys.executable, "-m", "unseen.cli", "bulk", str(source), str(target), "--detector", str(given.detector)]
    return [*start, "--workers", str(workers), "--chunk", str(given.chunk)]


def parts(folder: Path) -> list[Path]:
    """The finished parts."""
    return sorted(folder.glob("part-*.parquet"))


def unbroken(given: argparse.Namespace, source: Path, target: Path, workers: int) -> tuple[float, float]:
    """Run a job. Returns seconds until its first part, and parts a second from the first one to the last."""
    start = time.monotonic()
    with subprocess.Popen(command(given, source, target, workers), stderr=subprocess.PIPE) as process:
        _, said = process.communicate()
    if process.returncode not in (0, 1):
        sys.exit(f"{target.name}: exit code {process.returncode}: {said.decode()[-500:]}")
    written = sorted(path.stat().st_mtime for path in parts(target))
    first = written[0] - (time.time() - (time.monotonic() - start))
    return first, (len(written) - 1) / max(written[-1] - written[0], 1e-9)


def killed(given: argparse.Namespace, source: Path, target: Path, kills: int) -> list[int]:
    """Kill a job at random moments of its work, then let it end. Returns the number of parts at each kill."""
    moments, there = random.Random(given.seed), []
    for _ in range(kills):
        before, start = len(parts(target)), time.monotonic()
        process = subprocess.Popen(
            command(given, source, target, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(parts(target)) == before and process.poll() is None:
            time.sleep(0.05)
        time.sleep(moments.uniform(0, (time.monotonic() - start) / 4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        there.append(len(parts(target)))
    unbroken(given, source, target, 2)
    return there


def rows(folder: Path) -> list[dict[str, Any]]:
    """All rows, in the order of the parts."""
    return [row for path in parts(folder) for row in pq.read_table(path).to_pylist()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faces", type=Path, required=True, metavar="DIR", help="folder with Parquet files of faces")
    parser.add_argument("--detector", type=Path, required=True, metavar="DIR")
    parser.add_argument("--count", type=int, default=20_000, help="pictures; default: %(default)s")
    parser.add_argument("--chunk", type=int, default=256, help="pictures a part; default: %(default)s")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1, help="of each number of workers; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    given = parser.parse_args()
    print(machine(), f"load {os.getloadavg()[0]:.1f}", flush=True)
    parent = Path(tempfile.mkdtemp(prefix="bulk-"))
    try:
        source = parent / "in"
        pictures(given.faces, source, given.count)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for run in range(given.runs):
            for workers, found in rates.items():
                first, rate = unbroken(given, source, parent / f"out{workers}-{run}", workers)
                found.append(rate * given.chunk)
                print(
                    f"{workers} workers: {found[-1]:.1f} pictures/s after the first part, which came after "
                    f"{first:.1f} s; ratio to one worker {found[-1] / rates[1][run]:.2f}; n {given.count}, "
                    f"load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
        there = killed(given, source, parent / "killed", given.kills)
        expected, found_rows = rows(parent / "out1-0"), rows(parent / "killed")
        same = sum(one == other for one, other in zip(expected, found_rows, strict=False))
        print(
            f"killed {given.kills} times, with {there} of {len(parts(parent / 'killed'))} parts: "
            f"{len(found_rows)} rows, {same} of {len(expected)} equal to those of one worker without a kill"
        )
        sys.exit(0 if expected == found_rows else 1)
    finally:
        shutil.rmtree(parent, ignore_errors=True)


if __name__ == "__main__":
    main()
