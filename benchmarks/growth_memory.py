"""Memory and CPU time of what reads or writes all faces, as data grow: each part in its own process, without DVC.

    PYTHONPATH=src python benchmarks/growth_memory.py PHOTOS MODELS --counts 2000 20000 100000 --folder /tmp/growth

PHOTOS is a folder, or an archive, of photos of faces; MODELS is the folder `models` of a run. `growth.py` runs whole
stages instead, most of whose time is the face detector's. Here the face detector and the networks are left
out, because they see a batch at a time:

faces            the process that reads a zip archive, or a tar archive, and writes the set; its crops come at once
train            both splits loaded and fingerprinted, as `train_detector` does before its first step
evaluation_sets  the index of training faces, and the selection of test faces
evaluate         metrics and intervals of drawn predictions, a fifth as many as there are faces
report           what the data page says about the faces

Sets have the stored rows of `growth_faces.py`: distinct ids and hashes, few different crops. Peak memory is of the
process, with its imports.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from growth_parts import PARTS, write_archives, write_sets
from machine import machine


def one_part(arguments: argparse.Namespace) -> None:
    """Run a part in this process, and print its peak memory and its CPU time without imports."""
    since: list[float] = []
    arguments.start = lambda: since.append(time.process_time())
    (count,) = arguments.counts
    PARTS[arguments.part](arguments.folder, count, arguments)
    print(json.dumps({"mb": peak_mb(), "cpu": time.process_time() - since[0]}))


def peak_mb() -> float:
    """Peak memory of this process, in 10^6 bytes. What `getrusage` gives includes the process that started it."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 20000, 100000])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, help="run only this, in this process")
    arguments = parser.parse_args()
    if arguments.part:
        one_part(arguments)
        return
    found: dict[tuple[str, int], dict[str, float]] = {}
    for count in arguments.counts:
        folder = arguments.folder / str(count)
        write_sets(folder, count, arguments.photos)
        write_archives(folder, count, arguments.photos)
        # as stages set it
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        for part in PARTS:
            command = [sys.executable, __file__, str(arguments.photos), str(arguments.models), "--part", part]
            command += ["--counts", str(count), "--folder", str(folder)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
            found[part, count] = json.loads(done.stdout.splitlines()[-1])
            print(f"{part} of {count:,}: {found[part, count]}", file=sys.stderr, flush=True)
        shutil.rmtree(folder)
    heads = [f"{count:,} faces: MB, CPU s" for count in arguments.counts]
    print("| part | " + " | ".join([*heads, "CPU ms of a further face"]) + " |")
    print("|---" * (len(heads) + 2) + "|")
    for part in PARTS:
        ran = [found[part, count] for count in arguments.counts]
        cells = [f"{one['mb']:.0f}, {one['cpu']:.1f}" for one in ran]
        pairs = itertools.pairwise(zip(ran, arguments.counts, strict=True))
        further = [f"{1000 * (b['cpu'] - a['cpu']) / (more - few):.3f}" for (a, few), (b, more) in pairs]
        print(f"| {part} | " + " | ".join([*cells, ", ".join(further)]) + " |")
    print(machine())


if __name__ == "__main__":
    main()
