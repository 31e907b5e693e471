"""How detectors stand on a pair: against chance, and against the simple cue that tells its classes apart best."""

from collections.abc import Mapping
from typing import Any

from unseen.evaluation.bounds import share_at_least
from unseen.evaluation.wording import BETTER, UNCLEAR, WORSE, against_chance, over
from unseen.report.results import Measured

VISIBLE = ("picture", "file")
"""Kinds of cues that a detector may see. Of the original file it sees nothing."""

NOT_THE_CUE = "cue"
"""Better than chance, and not shown to be better than the cue."""


def best_cue(results: Measured, pair: str) -> dict[str, Any] | None:
    """The single cue with the highest AUC among those that are above chance; None where there is none."""
    cues = [cue for cue in results.rivals.get(pair, []) if cue["cue"] and cue["kind"] in VISIBLE and cue["low"] > 0.5]
    return max(cues, key=lambda cue: float(cue["auc"]), default=None)


def standing(results: Measured, detector: str, pair: str) -> str:
    """WORSE or UNCLEAR against chance; NOT_THE_CUE; or BETTER, also than the cue.

    A detector is better than a cue where the whole interval of its AUC lies above the cue's AUC, and there are so
    many people that a detector without a mistake would be shown to be better (see `evaluation.bounds`).
    """
    of = results.detectors[detector]["pairs"][pair]
    auc: Mapping[str, float] = of["auc"]
    found, cue = against_chance(auc), best_cue(results, pair)
    at_most = min(auc["low"], share_at_least(min(sum(people.values()) for people in of["people"].values())))
    return NOT_THE_CUE if found == BETTER and cue and at_most <= cue["auc"] else found


def best_on(results: Measured, pair: str) -> str | None:
    """The detector with the highest AUC on a pair among those that are better than chance and than the cue."""
    better = [name for name in results.names() if standing(results, name, pair) == BETTER]
    return max(better, key=lambda name: float(results.detectors[name]["pairs"][pair]["auc"]["value"]), default=None)


def best(results: Measured) -> str | None:
    """The first detector of the leaderboard that is better than chance and than the cue on every pair."""
    pairs = list(next(iter(results.detectors.values()))["pairs"])
    return next(
        (name for name in results.names() if all(standing(results, name, pair) == BETTER for pair in pairs)), None
    )


def real_people(results: Measured, pair: str) -> dict[str, int]:
    """Who the real faces of a pair are: `people` and `without_identity`."""
    found: dict[str, int] = next(iter(results.detectors.values()))["pairs"][pair]["people"]["reals"]
    return found


def without_identities(results: Measured) -> list[str]:
    """The pairs of whose real faces no identity is known."""
    pairs = next(iter(results.detectors.values()))["pairs"]
    return [pair for pair in pairs if not real_people(results, pair)["people"]]


def drawn(results: Measured) -> str:
    """What the intervals of all pairs are over."""
    pairs = list(next(iter(results.detectors.values()))["pairs"])
    bare = without_identities(results)
    if len(bare) == len(pairs):
        return over(0, 1)
    return "people" + (f"; on {', '.join(bare)} over {over(0, 1)}" if bare else "")


__all__ = ["BETTER", "NOT_THE_CUE", "UNCLEAR", "WORSE", "best", "best_cue", "best_on", "drawn", "standing"]
