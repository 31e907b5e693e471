"""Shares of faces that are called fake: the TPR of fakes, the FPR of reals. Intervals are over people."""

from typing import Any

import numpy as np
import numpy.typing as npt

from unseen.evaluation.bootstrap import Resampling, bounded, by_name, generator, mean_of_drawn, seed_counts
from unseen.evaluation.scored import Scored

Bools = npt.NDArray[np.bool_]


def _kinds(columns: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The different columns of a matrix, and how often each occurs."""
    code = np.zeros(columns.shape[1], np.int64)
    for row in columns:  # faster than np.unique of whole columns
        _, code = np.unique(code * (row.max() + 1) + row, return_inverse=True)
    _, first, members = np.unique(code, return_index=True, return_counts=True)
    return columns[:, first], members


def rate(called: Bools, people: npt.NDArray[np.int64], seeds: list[int], how: Resampling) -> dict[str, Any]:
    """The share of faces that are called fake, with a 95 % interval over people and training seeds.

    Each resample draws as many people as there are, with all their faces, and as many training seeds. People whose
    faces are equally many, and called alike in each training seed, are interchangeable. So the number of people that
    is drawn of each such kind is multinomial, and is drawn at once: this is the same bootstrap, in less time.

    Args:
        called: [seeds, n], whether each face is called fake by the network of each training seed.
        people: [n], the person of each face, n >= 1.
        seeds: the training seeds.
        how: of the bootstrap.

    Returns:
        `share`, the mean over training seeds; `low` and `high`, see `bounds` if all resamples agree; `n`, the number
        of faces; and `seeds`, the share of each training seed.
    """
    _, people = np.unique(people, return_inverse=True)
    faces = np.bincount(people)
    hits = np.stack([np.bincount(people[row], minlength=len(faces)) for row in called])
    kinds, members = _kinds(np.vstack([faces, hits]))
    drawn_kinds = generator(how.seed, "people").multinomial(len(faces), members / len(faces), size=how.resamples)
    n, *of_seeds = (drawn_kinds @ kinds.T).T
    drawn = seed_counts(len(seeds), how)
    found = mean_of_drawn(np.stack([hit / n for hit in of_seeds], 1), drawn)
    shares = called.mean(1)
    return {
        "share": float(shares.mean()),
        **bounded(found, len(faces)),
        "n": len(people),
        "seeds": by_name(seeds, shares),
    }


def rate_above(faces: Scored, thresholds: npt.ArrayLike, how: Resampling) -> dict[str, Any]:
    """The rate of scores at or above the threshold of each training seed, or one threshold for all."""
    limits = np.broadcast_to(np.asarray(thresholds, np.float64), len(faces.seeds))
    return rate(faces.scores >= limits[:, None], faces.people, faces.seeds, how)


def rates_above(faces: Scored, column: str, thresholds: npt.ArrayLike, how: Resampling) -> dict[str, dict[str, Any]]:
    """`rate_above` for each value of a column, for instance each generator, in alphabetical order."""
    names = faces.faces[column].to_numpy()
    return {str(name): rate_above(faces.take(names == name), thresholds, how) for name in sorted(set(names.tolist()))}
