"""Predictions whose metrics are known."""

from typing import Any

import numpy as np
import pandas as pd


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
