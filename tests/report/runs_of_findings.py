"""Runs of the same params on other machines: the same faces, and networks that are drawn anew."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.made_up import columns
from unseen.data.predictions import write_predictions
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import Frozen
from unseen.report.results import Results

SEEDS = [4, 5, 6]
SIZES = {"orl_test": 90, "gan_test": 81, "swaps_all": 198}
MEANS = {"orl_test": 0.0, "gan_test": 5.0, "swaps_all": 2.0}
"""The mean logit of each set; its standard deviation is about 1."""

THRESHOLD = 1.7
"""On the logit, at an FPR of about 5 %."""

Logits = dict[str, np.ndarray]
"""Of each set, [seeds, n]."""


def logits(machine: int, means: dict[str, float] | None = None) -> Logits:
    """What the networks of one machine give: each training of the detector is off by its own amount, and so are the
    fakes of each training of the GAN."""
    random = np.random.default_rng(machine)
    found = {}
    for name, mean in {**MEANS, **(means or {})}.items():
        size = SIZES[name]
        # the photos are the same on each machine, and fakes are not
        faces = np.random.default_rng(0).normal(mean, 1, size) if name == "orl_test" else random.normal(mean, 1, size)
        if name != "orl_test":
            faces += random.normal(0, 0.1, 3)[np.arange(size) % 3]
        of_detector = random.normal(0, 0.1, (len(SEEDS), 1)) * (name != "orl_test")
        found[name] = faces + of_detector + random.normal(0, 0.2, (len(SEEDS), size))
    return found


def measured(folder: Path, results: Results, found: Logits, threshold: float = THRESHOLD) -> dict[str, Any]:
    """The metrics of a detector with these logits, at a threshold on the logit."""
    for name, of_seeds in found.items():
        fake = name != "orl_test"
        people = None if fake else [f"person {number % 9}" for number in range(of_seeds.shape[1])]
        parts = []
        for seed, values in zip(SEEDS, of_seeds, strict=True):
            frame = pd.DataFrame(
                columns(int(fake), values, people, name, "held out" if name == "swaps_all" else "dcgan")
            )
            made = [[("training_seed", str(SEEDS[i % 3]))] if fake else [] for i in range(len(frame))]
            parts.append(frame.assign(seed=seed, attributes=made))
        both = pd.concat(parts)
        write_predictions(folder / f"{name}.parquet", [{str(key): both[key].tolist() for key in both}])
    score = float(1 / (1 + np.exp(-threshold)))
    frozen = {seed: Frozen(score) for seed in SEEDS}
    return evaluate(folder, list(found), frozen, results.params.evaluation, 0).metrics


def run_of(results: Results, folder: Path) -> Callable[..., Results]:
    """Makes a run from logits and a threshold, with one detector, and a cue in each pair with an AUC of 0.7."""
    cue = {"kind": "picture", "cue": "sharpness", "auc": 0.7, "low": 0.65, "high": 0.75}

    def make(found: Logits, threshold: float = THRESHOLD) -> Results:
        return replace(
            results,
            detectors={"dct_logistic": measured(folder, results, found, threshold)},
            baselines={name: [cue] for name in results.baselines},
        )

    return make
