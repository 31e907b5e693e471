"""The verdict: the best detector, what it misses, whom it wrongs, how fast it is, and why to doubt all that."""

from typing import Any

from unseen.report.results import Measured, Results, seen, worst_generator
from unseen.report.runtime import speed_of
from unseen.report.section import Section
from unseen.scope import FEW_PEOPLE


def warnings(results: Measured, detector: str) -> list[str]:
    """Why the numbers of a detector are less than they seem, a sentence each."""
    found = []
    pair = results.detectors[detector]["pairs"]
    chance = [name for name, one in pair.items() if one["auc"]["low"] <= 0.5]
    if chance:
        found.append(f"On {' and on '.join(chance)} it ranks fakes no better than chance: do not use it there.")
    for name, cues in results.rivals.items():
        seen = [cue for cue in cues if cue["kind"] == "picture" and cue["cue"]]
        for cue in seen:
            auc = pair[name]["auc"]["value"]
            if cue["low"] > 0.5 and cue["auc"] >= min(auc, 0.95):
                found.append(
                    f"On {name} one simple cue of the picture, {cue['cue']}, has an AUC of {cue['auc']:.3f} by "
                    f"itself; {detector} has {auc:.3f}. It may have learned no more than that cue."
                )
    if isinstance(results, Results):
        people = results.cards[detector]["trained_on"]["train"].get("people")
        if people is not None and people < FEW_PEOPLE:
            found.append(f"Its faces are of {people} people: a demonstration, and no detector to rely on.")
        if results.cards[detector].get("settings", {}).get("weights") == "none" and not _fitted(results, detector):
            found.append("It started untrained: no weights were given.")
    return found


def _fitted(results: Results, detector: str) -> bool:
    """Whether the detector is one that has no weights to start from."""
    return "steps" not in results.cards[detector].get("settings", {})


def section(results: Measured) -> Section:
    """What somebody who reads ten lines must know."""
    row = results.leaderboard.iloc[0].to_dict()
    best = str(row["detector"])
    metrics: dict[str, Any] = results.detectors[best]
    generators = {name: one["caught"] for name, one in metrics["generators"].items()}
    generator = worst_generator(results, best)
    source, flagged = max(metrics["sources"].items(), key=lambda item: (item[1]["share"], item[0]))
    return Section(
        "verdict",
        "Verdict",
        {
            "best": row,
            "alone": len(results.detectors) == 1,
            "generator": generator,
            "caught": generators.get(generator),
            "seen": seen(results, best, generator),
            "source": source,
            "flagged": flagged,
            "speed": speed_of(results, best),
            "warnings": warnings(results, best),
        },
    )
