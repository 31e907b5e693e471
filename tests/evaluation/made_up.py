"""Predictions whose metrics are known."""

from typing import Any

import numpy as np
import pandas as pd

from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.metrics import pair_metrics, same_threshold
from unseen.evaluation.rates import rate
from unseen.evaluation.scored import Frozen, Scored


def columns(label: int, logits: Any, people: Any = None, name: str = "set", generator: str = "gan") -> dict[str, Any]:
    """Predictions of seed 4 at temperature 1; everybody is a person of its own where `people` does not say who."""
    count = len(logits)
    return {
        "id": [f"{name}/{i}" for i in range(count)],
        "sha256": [f"{i:064x}" for i in range(count)],
        "set": [name] * count,
        "source": [name] * count,
        "identity": [f"{name}/{i}" for i in range(count)] if people is None else [str(person) for person in people],
        "label": [label] * count,
        "generator": [generator if label else ""] * count,
        "attributes": [[] for _ in range(count)],
        "seed": [4] * count,
        "logit": list(map(float, logits)),
        "score": list(map(float, 1 / (1 + np.exp(-np.asarray(logits, float))))),
    }


def frame(label: int, logits: Any, people: Any = None, name: str = "") -> pd.DataFrame:
    return pd.DataFrame(columns(label, logits, people, name or ("fakes" if label else "reals")))


def bell(mean: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, count)


def measured(
    reals: pd.DataFrame, fakes: pd.DataFrame, threshold: float = 0.5, resamples: int = 100, seed: int = 4
) -> dict[str, Any]:
    """`pair_metrics` of two tables at one threshold."""
    sides = [Scored.of(reals), Scored.of(fakes)]
    return pair_metrics(*sides, same_threshold(threshold, sides[0].seeds), Resampling(resamples, seed))


def share(hits: int, n: int, resamples: int = 100, seed: int = 4) -> dict[str, Any]:
    """`rate` of `hits` of `n` faces, each of a person of its own, with training seed 4."""
    faces = np.arange(n)
    return rate((faces < hits)[None], faces, [4], Resampling(resamples, seed))


def with_seeds(*parts: pd.DataFrame) -> pd.DataFrame:
    """Predictions of training seeds 4, 5, ... on the same faces, as one table."""
    return pd.concat([part.assign(seed=4 + number) for number, part in enumerate(parts)], ignore_index=True)


FROZEN = {4: Frozen(0.5, (0.4, 0.6))}
"""What training seed 4 froze."""
