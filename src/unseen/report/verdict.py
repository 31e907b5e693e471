"""Section "Verdict": the best detector, key facts, and warnings."""

from collections.abc import Sequence
from typing import Any

from unseen.data.identities import FEW_PEOPLE, people_text
from unseen.evaluation.wording import between, ends, over_seeds
from unseen.report.facts import facts
from unseen.report.results import Measured, Results, calibrated_only, training_seeds
from unseen.report.section import Section
from unseen.report.standing import (
    BETTER,
    NOT_THE_CUE,
    UNCLEAR,
    WORSE,
    about_seeds,
    best,
    best_on,
    cue_to_exceed,
    real_people,
    standing,
    without_identities,
)
from unseen.report.tables import Cell, Head, Table, heads, number_cell, percent, text_cell, thousand, valued

OUTCOMES = {
    WORSE: "worse than chance: check labels",
    UNCLEAR: "no better than chance",
    NOT_THE_CUE: "not shown to be better than the cue",
    BETTER: "better than the cue",
}


def _listed(names: Sequence[str]) -> str:
    """Format a list: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _with_auc(results: Measured, detector: str, pair: str) -> str:
    auc = results.detectors[detector]["pairs"][pair]["auc"]
    return f"{detector} (AUC {auc['value']:.3f}, {between(auc['value'], auc, '{:.3f}'.format)})"


def _range(results: Measured, detector: str, pair: str) -> str:
    seeds = over_seeds(results.detectors[detector]["pairs"][pair]["auc"]["seeds"], "{:.3f}".format)
    return f"of {detector} {seeds}"


def _unsteady(results: Measured, detector: str, pair: str) -> bool:
    """Whether the range of the AUC over training seeds is wider than its interval."""
    auc = results.detectors[detector]["pairs"][pair]["auc"]
    return bool(max(auc["seeds"].values()) - min(auc["seeds"].values()) > auc["high"] - auc["low"])


def _of_pairs(results: Measured, detectors: Sequence[str]) -> list[str]:
    """Return a warning for each pair and each standing below BETTER."""
    found = []
    for pair in results.detectors[detectors[0]]["pairs"]:
        of = {how: [name for name in detectors if standing(results, name, pair) == how] for how in OUTCOMES}
        with_auc = {how: _listed([_with_auc(results, name, pair) for name in of[how]]) for how in of}
        if of[WORSE]:
            found.append(
                f"On {pair}, {with_auc[WORSE]} ranked reals above fakes: check labels. If the labels are right, "
                "these fakes look more real than the reals."
            )
        if of[UNCLEAR]:
            found.append(f"On {pair}, {_listed(of[UNCLEAR])} may be no better than chance: do not use there.")
        if unsteady := [name for name in detectors if _unsteady(results, name, pair)]:
            found.append(
                f"On {pair}, trainings differ more than the 95 % interval is wide: AUC "
                f"{_listed([_range(results, name, pair) for name in unsteady])} over training seeds. Another "
                "training may give another result."
            )
        cue = cue_to_exceed(results, pair)
        if of[NOT_THE_CUE] and cue:
            auc = {name: results.detectors[name]["pairs"][pair]["auc"] for name in of[NOT_THE_CUE]}
            below = [name for name in auc if auc[name]["high"] < cue["auc"]]
            near = [name for name in auc if name not in below]
            sentences = [
                f"On {pair}, a single cue of the {cue['kind']}, {cue['cue']}, has an AUC of {cue['auc']:.3f}."
            ]
            if near:
                with_values = _listed([_with_auc(results, name, pair) for name in near])
                sentences.append(f"{with_values} may have learned only that cue.")
            if below:
                with_values = _listed([_with_auc(results, name, pair) for name in below])
                sentences.append(f"{with_values} ranked worse than that cue.")
            found.append(" ".join(sentences))
    return found


def _of_controls(results: Measured, detectors: Sequence[str]) -> list[str]:
    """Return a warning for each null control in which a detector finds a trace."""
    found: dict[str, list[str]] = {}
    for detector in detectors:
        for name, control in results.detectors[detector].get("controls", {}).items():
            if not control["passed"]:
                found.setdefault(name, []).append(f"{detector} (AUC {control['auc']['value']:.3f})")
    return [
        f"On the null control {name}, {_listed(who)} tells real faces that were only encoded again from their "
        "originals: preprocessing leaves a trace, and numbers on twins are not to be trusted."
        for name, who in found.items()
    ]


def _of_training(results: Results, detectors: Sequence[str]) -> list[str]:
    few: dict[str, list[str]] = {}
    ready = [name for name in detectors if calibrated_only(results, name)]
    for name in detectors:
        if name in ready:
            continue
        train = results.cards[name]["trained_on"]["train"]
        people, others = train.get("people"), train.get("without_identity", 0)
        if people is not None and people + others < FEW_PEOPLE:
            few.setdefault(people_text(people, others), []).append(name)
    found = [
        f"{_listed(names)} trained on real faces of {who}: a demonstration, not for real use."
        for who, names in few.items()
    ]
    if ready:
        found.append(
            f"{_listed(ready)} {'is a ready checkpoint' if len(ready) == 1 else 'are ready checkpoints'}: only "
            "temperature and threshold were fitted here, and the evaluated generators may be among its training data."
        )
    untrained = [
        name
        for name in detectors
        # a kind without steps, such as a regression, has no initial weights
        if results.cards[name].get("settings", {}).get("weights") == "none"
        and "steps" in results.cards[name]["settings"]
    ]
    if untrained:
        found.append(f"{_listed(untrained)} started from random weights: no pretrained weights were given.")
    return found


def warnings(results: Measured, detectors: Sequence[str]) -> list[str]:
    """Return reasons to doubt the numbers of some detectors, one sentence each."""
    found = [*_of_pairs(results, detectors), *_of_controls(results, detectors)]
    if bare := without_identities(results):
        n = max(real_people(results, pair)["without_identity"] for pair in bare)
        found.append(
            f"The real faces of {_listed(bare)} are {n:,} pictures (no identities: intervals treat each picture as a "
            "person, and are too narrow if several pictures show the same person)."
        )
    return [*found, *(_of_training(results, detectors) if isinstance(results, Results) else [])]


def _pairs(results: Measured) -> Table:
    """Return a table with a row for each pair: its best detector, the highest AUC and the best cue."""
    rows = []
    for pair in results.detectors[results.names()[0]]["pairs"]:
        aucs = {name: results.detectors[name]["pairs"][pair]["auc"] for name in results.names()}
        highest = max(aucs, key=lambda name: float(aucs[name]["value"]))
        auc, cue = valued(aucs[highest]), cue_to_exceed(results, pair)
        outcome = OUTCOMES[standing(results, highest, pair)]
        rows.append(
            [
                Cell(pair, mark=", ".join(results.marks.get(pair, []))),
                text_cell(best_on(results, pair) or "none"),
                Cell(auc.text, f"{auc.note}\n{highest}", auc.sort),
                _cue(cue),
                text_cell(outcome if cue else outcome.replace("the cue", "chance")),
            ]
        )
    return Table(
        "The best detector of a pair has the highest AUC of those whose 95 % interval "
        f"{'and training seeds all lie' if len(training_seeds(results)) > 1 else 'lies'} above 0.5 and above the AUC "
        "of the best single cue that the audit found in the pictures and files of that pair. With few people, not "
        "even an AUC of 1 is shown to be better than a good cue. The best detector is chosen by the AUC that this "
        "table shows.",
        [
            *(Head("Pair"), Head("Best detector", words=True)),
            *heads("Highest AUC", "Best single cue, AUC"),
            Head("The highest is", words=True),
        ],
        rows,
    )


def _cue(cue: dict[str, Any] | None) -> Cell:
    if not cue:
        return Cell("none above chance")
    found = number_cell(cue["auc"], cue)
    return Cell(found.text, f"{found.note}\n{cue['cue']}", found.sort)


def section(results: Measured) -> Section:
    """Show the best detector, key facts, the best detector of each pair, and warnings."""
    names = results.names()
    shown = best(results) or (names[0] if len(names) == 1 else None)
    rows = results.leaderboard.set_index("detector", drop=False)
    pairs = results.detectors[names[0]]["pairs"]
    at_chance = all(any(standing(results, name, pair) in (WORSE, UNCLEAR) for pair in pairs) for name in names)
    return Section(
        "verdict",
        "Verdict",
        {
            "row": rows.loc[shown].to_dict() if shown else None,
            "alone": len(names) == 1,
            "count": len(names),
            "than": "chance" if at_chance else "a simple cue",
            "interval": between,
            "ends": ends,
            "percent": percent,
            "thousand": thousand,
            "seeds": about_seeds(results),
            "facts": facts(results, [shown] if shown else names),
            "table": _pairs(results) if isinstance(results, Results) else None,
            "warnings": warnings(results, [shown] if shown else names),
        },
    )
