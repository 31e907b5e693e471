"""What evaluation costs: detectors x predictions drawn from a normal distribution, and every number of them.

    PYTHONPATH=src python benchmarks/evaluate.py [DETECTORS] [PREDICTIONS] [SEEDS]

Writes, for each detector, predictions on two sets of reals (ten pictures a person) and four sets of fakes (every face
a person of its own) for each training seed, and evaluates them: eight pairs, each with 1,000 bootstrap resamples.
Prints the seconds a detector, all seconds, and the peak memory of the process; writing the predictions is not timed.
"""

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine

from unseen.data.predictions import write_predictions
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import Frozen
from unseen.evaluation.settings import EvaluationSettings

REALS, FAKES = ("reals_1", "reals_2"), ("gan_1", "gan_2", "gan_3", "gan_4")
A_PERSON = 10
FIRST = 4
"""The first training seed."""


def drawn(folder: Path, detector: int, predictions: int, seeds: int) -> None:
    """One detector's predictions on every set: as many faces as wanted, of each training seed."""
    count = predictions // len(REALS + FAKES)
    for number, name in enumerate(REALS + FAKES):
        label = int(name in FAKES)
        logits = np.random.default_rng([detector, number]).normal(2 * label - 1, 2, (seeds, count))
        rows: dict[str, list[object]] = {
            "id": [f"{name}/{i}" for i in range(count)],
            "sha256": [f"{i:064x}" for i in range(count)],
            "set": [name] * count,
            "source": [name] * count,
            "identity": [f"{name}/{i if label else i // A_PERSON}" for i in range(count)],
            "label": [label] * count,
            "generator": [name if label else ""] * count,
            "attributes": [[] for _ in range(count)],
        }
        scores = 1 / (1 + np.exp(-logits / 1.5))
        batches = [
            {**rows, "seed": [FIRST + seed] * count, "logit": logits[seed].tolist(), "score": scores[seed].tolist()}
            for seed in range(seeds)
        ]
        write_predictions(folder / str(detector) / f"{name}.parquet", batches)


def main(detectors: int = 10, predictions: int = 100_000, seeds: int = 3) -> None:
    """Draw, evaluate, print."""
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        for detector in range(detectors):
            drawn(Path(name), detector, predictions, seeds)
        cpu_start = time.process_time()
        settings = EvaluationSettings(pairs={}, groups=[], resamples=1000)
        frozen = Frozen(0.5, (0.4, 0.6), {"fpr_0_5": 0.99, "fpr_1": 0.97, "fpr_5": 0.9})
        trained = dict.fromkeys(range(FIRST, FIRST + seeds), frozen)
        for detector in range(detectors):
            start = time.perf_counter()
            found = evaluate(Path(name, str(detector)), REALS + FAKES, trained, settings, 4)
            seconds.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu_start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(machine())
    print(
        f"{detectors} detectors x {predictions:,} faces x {seeds} training seeds, "
        f"{len(found.metrics['pairs'])} pairs each: {sum(seconds):.1f} s ({cpu:.1f} s of CPU), a detector "
        f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), peak memory {peak:.0f} MB"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
