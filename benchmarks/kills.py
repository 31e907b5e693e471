"""Kill the default run at random moments, let a second `dvc repro` finish it, and compare every output's hash.

    python benchmarks/kills.py --trials 10

Each trial clones the last commit, starts `dvc repro`, kills the whole process group with SIGKILL after a random
share of the time that an uninterrupted run took, runs `dvc repro` again to its end, and compares the hashes in
dvc.lock with those of the uninterrupted run. Prints one line a trial and, last, how many were identical.
"""

import argparse
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """`dvc repro` in a process group of its own."""
    with log.open("ab") as handle:
        return subprocess.Popen(["dvc", "repro"], cwd=folder, stdout=handle, stderr=handle, start_new_session=True)


def fresh_clone(parent: Path, name: str) -> Path:
    """A clone of the last commit, without data, models and cache."""
    folder = parent / name
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def output_hashes(folder: Path) -> dict[str, str]:
    """Every output's hash, by path, from dvc.lock."""
    lock: dict[str, Any] = yaml.safe_load((folder / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage.get("outs", [])}


def stages_in(log: Path) -> list[str]:
    """The stages that a log says were started."""
    return re.findall(r"Running stage '([^']+)'", log.read_text())


def trial(parent: Path, number: int, after_s: float, expected: dict[str, str]) -> bool:
    """Kill one run after `after_s` seconds, finish it, and say whether every hash is as expected."""
    folder = fresh_clone(parent, f"trial{number}")
    (folder / "dvc.lock").unlink()
    log = parent / f"trial{number}.log"
    process = start(folder, log)
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    killed_in = (stages_in(log) or ["start"])[-1]
    log.unlink()
    finished = start(folder, log).wait() == 0
    resumed = re.findall(r"going on from step (\d+)", log.read_text())
    found = output_hashes(folder) if finished else {}
    differing = sorted(path for path in expected if found.get(path) != expected[path])
    went_on = f", went on from step {resumed[0]}" if resumed else ""
    print(
        f"{number}: killed after {after_s:.0f} s in {killed_in}{went_on}: "
        f"{len(expected) - len(differing)} of {len(expected)} outputs identical {' '.join(differing)}",
        flush=True,
    )
    shutil.rmtree(folder)
    return not differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        folder = fresh_clone(parent, "uninterrupted")
        committed = output_hashes(folder)
        (folder / "dvc.lock").unlink()
        begin = time.monotonic()
        if start(folder, parent / "uninterrupted.log").wait():
            raise SystemExit((parent / "uninterrupted.log").read_text()[-2000:])
        whole_s = time.monotonic() - begin
        expected = output_hashes(folder)
        print(f"{platform.machine()}, {os.cpu_count()} cores: uninterrupted run {whole_s:.0f} s, ", end="")
        print(f"{sum(committed.get(path) == value for path, value in expected.items())} of ", end="")
        print(f"{len(expected)} outputs as committed", flush=True)
        shutil.rmtree(folder)
        same = [
            trial(parent, number, moments.uniform(0.02, 0.98) * whole_s, expected)
            for number in range(1, arguments.trials + 1)
        ]
    print(f"{sum(same)} of {len(same)} trials ended with identical bytes")
    raise SystemExit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
