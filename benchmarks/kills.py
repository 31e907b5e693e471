"""Kill the default run at random moments, let a second `dvc repro` finish it, and compare every output's hash.

    PYTHONPATH=src python benchmarks/kills.py --trials 5 --kills 2 --seconds 240

Each trial clones the last commit, starts `dvc repro`, kills the whole process group with SIGKILL at random moments
of the time that an uninterrupted run takes, starting it again each time, lets it end, and compares the hashes in
dvc.lock with the committed ones, which uninterrupted runs wrote, but for those outputs that
`unseen.report.volatile` names.
Prints one line a trial and how many were identical.
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
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from unseen.report.volatile import is_volatile

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
    """The hash, by path, of every output that must be the same each time, from dvc.lock."""
    lock: dict[str, Any] = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))
    outs = [out for stage in lock["stages"].values() for out in stage.get("outs", [])]
    return {out["path"]: out["md5"] for out in outs if not is_volatile(out["path"])}


def stages_in(log: Path) -> list[str]:
    """The stages that a log says were started."""
    return re.findall(r"Running stage '([^']+)'", log.read_text(encoding="utf-8"))


def killed(folder: Path, log: Path, after_s: float) -> str:
    """Start a run, kill all of it after `after_s` seconds, and say where it was."""
    process = start(folder, log)
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return f"{after_s:.0f} s in {(stages_in(log) or ['no stage'])[-1]}"


def trial(parent: Path, number: int, delays_s: list[float]) -> bool:
    """Kill one run after each delay, finish it, and say whether every hash is as committed."""
    folder = fresh_clone(parent, f"trial{number}")
    expected = output_hashes(folder)
    (folder / "dvc.lock").unlink()
    log = parent / f"trial{number}.log"
    places = [killed(folder, log, delay) for delay in delays_s]
    finished = start(folder, log).wait() == 0
    resumed = re.findall(r"(\S+): resuming from step (\d+)", log.read_text(encoding="utf-8"))
    found = output_hashes(folder) if finished else {}
    differing = sorted(path for path in expected if found.get(path) != expected[path])
    went_on = "".join(f"; {name} went on from step {step}" for name, step in resumed)
    print(
        f"{number}: killed after {', then after '.join(places)}{went_on}: "
        f"{len(expected) - len(differing)} of {len(expected)} outputs identical {' '.join(differing)}",
        flush=True,
    )
    shutil.rmtree(folder)
    return not differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--kills", type=int, default=2, help="in each trial")
    parser.add_argument("--seconds", type=float, required=True, help="that an uninterrupted run takes")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {arguments.trials} runs, {arguments.kills} kills each")
    with tempfile.TemporaryDirectory() as parent:
        same = []
        for number in range(1, arguments.trials + 1):
            at = sorted(moments.uniform(0.02, 0.98) * arguments.seconds for _ in range(arguments.kills))
            delays = [later - earlier for earlier, later in pairwise([0.0, *at])]
            same.append(trial(Path(parent), number, delays))
    print(f"{sum(same)} of {len(same)} runs, {arguments.kills} kills each, ended with the committed bytes")
    raise SystemExit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
