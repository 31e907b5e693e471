"""Comparison of detectors on a pair with chance and with the best simple cue."""

from collections.abc import Mapping
from typing import Any

from unseen.evaluation.bounds import share_at_least
from unseen.evaluation.cues import best_cue
from unseen.evaluation.wording import BETTER, CHANCE, UNCLEAR, WORSE, against_chance, over
from unseen.report.results import Measured, training_seeds

NOT_THE_CUE = "cue"
"""Better than chance, and not shown to be better than the cue."""


def cue_to_exceed(results: Measured, pair: str) -> dict[str, Any] | None:
    """Return the `best_cue` of a pair; None if there is none."""
    return best_cue(results.baselines.get(pair, []))


def standing(results: Measured, detector: str, pair: str) -> str:
    """Classify a detector on a pair: WORSE or UNCLEAR against chance, NOT_THE_CUE, or BETTER than both.

    A detector is better than a cue if the interval of its AUC and the AUC of every training seed lie above the cue's
    AUC, and if the number of people is large enough to show this for a detector without errors (see
    `evaluation.bounds`). It is better than chance if this holds of 0.5 in place of the cue's AUC.
    """
    of = results.detectors[detector]["pairs"][pair]
    auc: Mapping[str, Any] = of["auc"]
    found, cue, lowest = against_chance(auc), cue_to_exceed(results, pair), min(auc["seeds"].values())
    if found == BETTER and lowest <= CHANCE:
        return UNCLEAR
    people = min(sum(people.values()) for people in of["people"].values())
    at_most = min(auc["low"], lowest, share_at_least(people))
    return NOT_THE_CUE if found == BETTER and cue and at_most <= cue["auc"] else found


def best_on(results: Measured, pair: str) -> str | None:
    """Return the detector with the highest AUC among those BETTER on a pair; None if there is none."""
    better = [name for name in results.names() if standing(results, name, pair) == BETTER]
    return max(better, key=lambda name: float(results.detectors[name]["pairs"][pair]["auc"]["value"]), default=None)


def best(results: Measured) -> str | None:
    """Return the first detector of the leaderboard that is BETTER on every pair; None if there is none."""
    pairs = list(next(iter(results.detectors.values()))["pairs"])
    return next(
        (name for name in results.names() if all(standing(results, name, pair) == BETTER for pair in pairs)), None
    )


def real_people(results: Measured, pair: str) -> dict[str, int]:
    """Return the counts `people` and `without_identity` of the real faces of a pair."""
    found: dict[str, int] = next(iter(results.detectors.values()))["pairs"][pair]["people"]["reals"]
    return found


def without_identities(results: Measured) -> list[str]:
    """Return the pairs whose real faces have no identities."""
    pairs = next(iter(results.detectors.values()))["pairs"]
    return [pair for pair in pairs if not real_people(results, pair)["people"]]


def interval_units(results: Measured) -> str:
    """Return text for the units that the bootstrap of the intervals resamples, for all pairs."""
    pairs = list(next(iter(results.detectors.values()))["pairs"])
    bare = without_identities(results)
    seeds = and_seeds(results)
    if len(bare) == len(pairs):
        return over(0, 1) + seeds
    return f"people{seeds}" + (f"; on {', '.join(bare)} over {over(0, 1)}" if bare else "")


def and_seeds(results: Measured) -> str:
    """Return text for the training seeds, which intervals resample beside people; empty for one."""
    return " and training seeds" if len(training_seeds(results)) > 1 else ""


def below_a_number(results: Measured) -> str:
    """Return text for what stands below a number in tables: its range over training seeds, and its interval."""
    n, bare = len(training_seeds(results)), without_identities(results)
    pairs = next(iter(results.detectors.values()))["pairs"]
    units = "pictures" if len(bare) == len(pairs) else "people or pictures" if bare else "people"
    interval = f"its 95 % interval over {units}{and_seeds(results)}"
    return f"its range over {n} training seeds, and {interval}" if n > 1 else interval


def about_seeds(results: Measured) -> str:
    """Return sentences that say what numbers mean when detectors are trained from one or several training seeds."""
    seeds = training_seeds(results)
    if len(seeds) == 1:
        return f"One training seed: no range over trainings. Intervals are over {interval_units(results)}."
    return (
        f"Each detector was trained {len(seeds)} times, from training seeds {', '.join(map(str, seeds))}. A number "
        "is the mean over these trainings. Below it, “seeds” is the lowest and the highest of them, and “95 %” its "
        f"interval over {interval_units(results)}. Each training is measured at its own threshold."
    )


def of_first_seed(results: Measured) -> str:
    """Return a sentence for what is measured with one network alone; empty for one training seed."""
    first, *others = training_seeds(results)
    if not others:
        return ""
    return f"Measured with the network of training seed {first}, the first of {len(others) + 1}."


__all__ = [
    "BETTER",
    "NOT_THE_CUE",
    "UNCLEAR",
    "WORSE",
    "best",
    "best_on",
    "cue_to_exceed",
    "interval_units",
    "standing",
]
