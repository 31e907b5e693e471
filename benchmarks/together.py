"""Where one process of a distributed stage works while the others wait: seconds by the clock, and of CPU time.

    PYTHONPATH=src python benchmarks/together.py train_gan dcgan --device cpu

Run it in a project whose earlier stages are done. It runs the stage with `torchrun`, as a cluster does, and writes
the stage's outputs in place; `dvc repro` makes them again. Prints a Markdown table. On a busy machine the CPU times
say more; a process that waits for another uses almost none.
"""

import argparse
import functools
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STARTED = time.perf_counter()

Seconds = Counter[tuple[str, str]]
"""Seconds by the name of a part, and `clock` or `CPU`."""

CLOCKS: dict[str, Callable[[], float]] = {"clock": time.perf_counter, "CPU": time.process_time}

PARTS: dict[str, list[tuple[str, str, str]]] = {
    "train_gan": [
        ("GAN metrics and samples", "unseen.gans.training.gan_metrics", "GanMetrics.__call__"),
        ("features of real faces", "unseen.gans.training.real_faces", "RealFaces.__init__"),
        ("memorisation, after the training", "unseen.gans.training.gan_metrics", "GanMetrics.neighbours"),
    ],
    "train_detector": [
        ("validation", "unseen.detectors.shared.loop", "_validation_loss"),
        ("calibration", "unseen.detectors.shared.train", "calibrate"),
        ("logits for the calibration", "unseen.detectors.shared.train", "logits_of_faces"),
    ],
    "leave_one_out": [("validation", "unseen.detectors.shared.loop", "_validation_loss")],
    "diffuse": [
        ("making and checking pictures", "unseen.diffusion.fakes.diffuse", "Diffuse.tries"),
        ("distances between reals", "unseen.diffusion.fakes.gate", "distances_of_reals"),
        ("writing the set, with waiting for batches", "unseen.diffusion.fakes.sets", "write_set"),
    ],
}
"""What is timed in each stage: a name, a module, and a function of it."""

EVERYWHERE = [
    ("checkpoints", "unseen.core.scratch", "Scratch.save"),
    *(("exchange with others, and waiting for them", "unseen.core.parallel", f"Parallel.{name}") for name in
      ("any", "first", "average")),
]  # fmt: skip
AFTER = "all after the training"
WAITING = "of it waiting for batches of others"
WHOLE = "the whole stage"


def timed(function: Callable[..., Any], name: str, seconds: Seconds) -> Callable[..., Any]:
    """The function, which adds its seconds under a name."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        start = {clock: read() for clock, read in CLOCKS.items()}
        try:
            return function(*arguments, **named)
        finally:
            for clock, read in CLOCKS.items():
                seconds[name, clock] += read() - start[clock]  # type: ignore[assignment]

    return wrapped


def instrument(stage: str, seconds: Seconds) -> None:
    """Time the parts of a stage."""
    for name, module, path in [*PARTS[stage], *EVERYWHERE]:
        *outer, last = path.split(".")
        owner = functools.reduce(getattr, outer, import_module(module))
        setattr(owner, last, timed(getattr(owner, last), name, seconds))
    if stage == "diffuse":
        waits = SimpleNamespace(sleep=timed(time.sleep, WAITING, seconds), monotonic=time.monotonic)
        import_module("unseen.diffusion.fakes.sets").time = waits  # type: ignore[attr-defined]
        return
    trainings = import_module("unseen.core.trainings").Trainings
    plain = trainings.__init__

    def ended(*arguments: Any, **named: Any) -> None:
        plain(*arguments, **named)
        for clock, read in CLOCKS.items():
            seconds[AFTER, clock] = -read()  # type: ignore[assignment]

    trainings.__init__ = ended


def child(stage: str, items: list[str], folder: Path) -> None:
    """Run a stage in one of the processes, and write the seconds of its parts."""
    seconds: Seconds = Counter()
    script = ROOT / "stages" / f"{stage}.py"
    sys.path.insert(0, str(script.parent))
    instrument(stage, seconds)
    sys.argv = [str(script), *items]
    runpy.run_path(str(script), run_name="__main__")
    for clock, read in CLOCKS.items():
        if (AFTER, clock) in seconds:
            seconds[AFTER, clock] += read()  # type: ignore[assignment]
        seconds[WHOLE, clock] = read() - (STARTED if clock == "clock" else 0.0)  # type: ignore[assignment]
    found = [[*key, value] for key, value in seconds.items()]
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(found), encoding="utf-8")


def table(stage: str, found: list[Seconds], wall_s: float) -> list[str]:
    """A Markdown table of the parts, from the seconds of each process."""
    whole = found[0][WHOLE, "clock"]
    names = [name for name, *_ in [*PARTS[stage], *EVERYWHERE]]
    rows = [name for name in [*names, WAITING, AFTER, WHOLE] if any((name, "clock") in one for one in found)]
    lines = [
        f"| `{stage}` | {' | '.join(f'process {rank}: clock, CPU' for rank in range(len(found)))} |",
        "|---" * (len(found) + 1) + "|",
    ]
    for name in dict.fromkeys(rows):
        each = " | ".join(f"{one[name, 'clock']:.2f}, {one[name, 'CPU']:.2f}" for one in found)
        lines.append(f"| {name} | {each} |")
    return [*lines, "", f"`torchrun` took {wall_s - whole:.1f} s more than process 0."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=PARTS)
    parser.add_argument("items", nargs="+", help="of the stage, for instance the name of the GAN")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--device", default="", help="UNSEEN_DEVICE")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if "LOCAL_RANK" in os.environ:
        child(args.stage, args.items, args.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={args.processes}"]
        command = [sys.executable, *torchrun, __file__, args.stage, *args.items, "--folder", folder]
        subprocess.run(command, check=True, env={**os.environ, "UNSEEN_DEVICE": args.device})
        wall_s = time.perf_counter() - start
        files = [Path(folder, f"{rank}.json") for rank in range(args.processes)]
        rows = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        found = [Counter({(name, clock): value for name, clock, value in one}) for one in rows]
    from machine import machine

    print(machine())
    print("\n".join(table(args.stage, found, wall_s)))


if __name__ == "__main__":
    main()
