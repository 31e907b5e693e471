"""What scoring costs: one picture from process start to its line, and faces a second from bytes to verdict.

    PYTHONPATH=src python benchmarks/predict.py --detector models/detectors/efficientnet_lite0 PICTURE

Prints, each as the median of its runs: the whole process for one picture, with a warm file cache; faces a second from
bytes to verdict (read, decode, find, crop, encode, score) at batch 1 and 32; and beside them, from the same run, the
ceiling: the bare model on tensors that are ready, at the same batch and number of threads, with the ratio.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import machine

from unseen.core import environment
from unseen.core.runtime import device, keep_memory
from unseen.serve.predict import predict
from unseen.serve.torch_network import open_detector, with_network

BATCHES = (1, 32)
BARE_RUNS = 20


def median_s(work: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Median, lowest and highest seconds of some runs, after one that is not counted. `work` ends on the CPU."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), min(seconds), max(seconds)


def whole_process(detector: Path, picture: Path) -> float:
    """Seconds from the start of `unseen predict PICTURE` to its line on stdout."""
    command = [sys.executable, "-m", "unseen.cli", "predict", "--detector", str(detector), str(picture)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if process.returncode or not line:
        sys.exit(f"{picture}: could not be scored (exit code {process.returncode})")
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument("--detector", type=Path, default=Path("models/detectors/efficientnet_lite0"), metavar="DIR")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=128, help="scored in a run; default: %(default)s")
    given = parser.parse_args()

    print(machine())
    whole_process(given.detector, given.picture)
    starts = [whole_process(given.detector, given.picture) for _ in range(given.runs)]
    print(
        f"process start to line, {given.picture.name}: {statistics.median(starts):.2f} s "
        f"({min(starts):.2f} to {max(starts):.2f}, n {given.runs})"
    )

    detector, face_detector = open_detector(given.detector)
    torch.set_num_threads(environment.threads(1))
    keep_memory()
    ready_detector = with_network(detector, face_detector)
    paths = [str(given.picture)] * given.pictures
    faces = sum(map(len, predict(paths, ready_detector)))
    for batch in BATCHES:
        way, low, high = median_s(lambda batch=batch: list(predict(paths, ready_detector, batch)), given.runs)  # type: ignore[misc]
        ready = torch.zeros(batch, 3, detector.faces.side, detector.faces.side, dtype=torch.uint8, device=device())
        with torch.inference_mode():
            bare, _, _ = median_s(lambda ready=ready: detector.model(ready).cpu(), BARE_RUNS)  # type: ignore[misc]
        print(
            f"batch {batch}: bytes to verdict {faces / way:.1f} faces/s ({faces / high:.1f} to {faces / low:.1f}, "
            f"n {given.runs} x {faces} faces); bare model {batch / bare:.1f} faces/s (n {BARE_RUNS}, torch threads "
            f"{torch.get_num_threads()}); ratio {faces / way / (batch / bare):.2f}"
        )


if __name__ == "__main__":
    main()
